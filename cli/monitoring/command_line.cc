#include "cli/monitoring/command_line.h"

#include "cli/monitoring/durations.h"

namespace batchsql::cli {
namespace {

using Run = std::function<int()>;

constexpr char kEnvironment[] =
    "The daemon's environment, with --config one of the file's; part of the dashboards' uids and "
    "titles, so that several share one Grafana";

void AddNames(CLI::App* command, RenderOptions* options) {
  command->add_option("--prefix", options->prefix, "The daemon's metrics_prefix, as prod_");
  command->add_option("--runbook-base", options->runbook_base,
                      "URL of the folder of the runbooks; by default Grafana serves them");
}

void AddRender(CLI::App* monitoring, RenderCommand* render, Run* run) {
  CLI::App* const command = monitoring->add_subcommand(
      "render", "Write the rules, dashboards and configurations for a daemon");
  AddFile(command, &render->file, &render->options.environment, kEnvironment);
  AddNames(command, &render->options);
  command->add_option("--grafana-url", render->options.grafana_url,
                      "Where the alerts' links point; default http://localhost:3000");
  command->add_option("--target", render->options.targets,
                      "A daemon's HTTP address, as Prometheus sees it; may be repeated");
  command->add_option("--alertmanager", render->options.alertmanager,
                      "Alertmanager's host:port or URL, as Prometheus sees it");
  command
      ->add_option("--shorten", render->options.shorten,
                   "For drills: divide all durations of rules, scrapes and Alertmanager by it")
      ->check(CLI::Range(1, kShortenMax));
  command->add_option("--out", render->out, "The folder for prometheus/ and grafana/")->required();
  RunFilled(command, render, RunRender, run);
}

void AddInstall(CLI::App* monitoring, InstallCommand* install, Run* run) {
  CLI::App* const command =
      monitoring->add_subcommand("install", "Put the dashboards into a Grafana");
  AddFile(command, &install->file, &install->options.environment, kEnvironment);
  command->add_option("--grafana-url", install->options.grafana_url, "Grafana's address");
  AddLogin(command, &install->login);
  AddNames(command, &install->options);
  command->add_option("--folder", install->folder, "The dashboards' folder; made when missing")
      ->capture_default_str();
  RunFilled(command, install, RunInstall, run);
}

CLI::App* AddCopy(CLI::App* monitoring, const char* name, const char* what, BackupCommand* backup,
                  int (*action)(const BackupCommand&), Run* run) {
  CLI::App* const command = monitoring->add_subcommand(name, what);
  AddFile(command, &backup->file, &backup->environment,
          "Which of the file's environments; by default none");
  command->add_option("--prometheus-data", backup->prometheus_data, "Prometheus' data folder");
  command->add_option("--grafana-url", backup->grafana_url, "Grafana's address");
  AddLogin(command, &backup->login);
  RunFilled(command, backup, action, run);
  return command;
}

}  // namespace

void NoteGiven(const CLI::App& command, DaemonFile* file) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() > 0) file->given.insert(option->get_name());
  }
}

void AddFile(CLI::App* command, DaemonFile* file, std::string* environment, const char* what) {
  command
      ->add_option("--config", file->path,
                   "The daemon's configuration: it tells what is not given here")
      ->type_name("FILE");
  command->add_option("--environment", *environment, what)
      ->type_name("NAME")
      ->envname("BATCHSQL_ENV");
}

void AddLogin(CLI::App* command, LoginOptions* login) {
  CLI::Option* const token = command->add_option(
      "--token-file", login->token_file, "File with the token of a Grafana service account");
  CLI::Option* const user = command->add_option("--user", login->user, "Grafana: user");
  command
      ->add_option("--password-file", login->password_file,
                   "Grafana: file with the user's password")
      ->needs(user);
  user->excludes(token);
}

void AddMonitoring(CLI::App& app, MonitoringCommands* commands, Run* run) {
  CLI::App* const monitoring =
      app.add_subcommand("monitoring", "Prometheus' rules, Grafana's dashboards, their backup");
  monitoring->require_subcommand(1);
  AddRender(monitoring, &commands->render, run);
  AddInstall(monitoring, &commands->install, run);
  BackupCommand* const copy = &commands->backup;
  CLI::App* const backup =
      AddCopy(monitoring, "backup", "Copy what Prometheus and Grafana hold", copy, RunBackup, run);
  backup->add_option("--prometheus-url", copy->prometheus_url,
                     "Prometheus' address; it needs --web.enable-admin-api");
  backup->add_option("--out", copy->folder, "The copy's folder")->required();
  AddCopy(monitoring, "restore", "Put a copy back; Prometheus must be stopped", copy, RunRestore,
          run)
      ->add_option("--from", copy->folder, "The copy's folder")
      ->required();
}

}  // namespace batchsql::cli
