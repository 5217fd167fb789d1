#include "cli/doctor/command_line.h"

#include "cli/monitoring/command_line.h"

namespace batchsql::cli {

void AddDoctor(CLI::App& app, DoctorCommand* doctor, std::function<int()>* run) {
  CLI::App* const command = app.add_subcommand(
      "doctor",
      "Check daemon and monitoring, and say what to mend; without addresses or a "
      "configuration a daemon on this host");
  AddFile(command, &doctor->file, &doctor->environment,
          "The daemon's environment, with --config one of the file's; as it was given to "
          "`monitoring render` or `install`");
  command->add_option("--server", doctor->server, "The daemon's gRPC address")
      ->envname("BATCHSQL_SERVER");
  command->add_option("--metrics-url", doctor->metrics_url, "The daemon's HTTP address");
  command->add_option("--prometheus-url", doctor->prometheus_url, "Prometheus' address");
  command->add_option("--alertmanager-url", doctor->alertmanager_url, "Alertmanager's address");
  command->add_option("--grafana-url", doctor->grafana_url, "Grafana's address");
  AddLogin(command, &doctor->login);
  command->add_option("--prefix", doctor->prefix, "The daemon's metrics_prefix, as prod_");
  command->add_flag("--json", doctor->json, "As JSON");
  RunFilled(command, doctor, RunDoctor, run);
}

}  // namespace batchsql::cli
