#include <cstdio>

#include "cli/call.h"
#include "cli/monitoring/commands.h"
#include "cli/monitoring/grafana.h"

namespace batchsql::cli {
namespace {

// Returns how many.
absl::StatusOr<size_t> Install(const InstallCommand& command) {
  if (command.options.grafana_url.empty()) {
    return absl::InvalidArgumentError(
        "nothing tells where Grafana is: expected --grafana-url, or --config and a grafana_url of "
        "the environment that --environment, or BATCHSQL_ENV, selects");
  }
  const absl::StatusOr<std::string> base = BaseUrl(command.options.grafana_url);
  if (!base.ok()) return base.status();
  const absl::StatusOr<std::vector<Json>> dashboards = RenderDashboards(command.options);
  if (!dashboards.ok()) return dashboards.status();
  absl::StatusOr<HttpLogin> login = ReadLogin(command.login);
  if (!login.ok()) return login.status();
  const Grafana grafana(*base, *std::move(login));
  const absl::StatusOr<std::string> folder = grafana.FolderNamed(command.folder);
  if (!folder.ok()) return folder.status();
  for (const Json& dashboard : *dashboards) {
    const absl::StatusOr<std::string> address = grafana.PutDashboard(dashboard, *folder);
    if (!address.ok()) return address.status();
    std::printf("%s\n", address->c_str());
  }
  return dashboards->size();
}

}  // namespace

absl::Status FillFromFile(InstallCommand* command) {
  const DaemonFile& file = command->file;
  if (file.path.empty()) return absl::OkStatus();
  const absl::StatusOr<DaemonPlace> place = file.Read(command->options.environment);
  if (!place.ok()) return place.status();
  const EnvironmentOptions& environment = place->environment;
  file.Fill("--prefix", environment.metrics_prefix, &command->options.prefix);
  file.Fill("--grafana-url", environment.grafana_url, &command->options.grafana_url);
  return absl::OkStatus();
}

int RunInstall(const InstallCommand& command) {
  const absl::StatusOr<size_t> installed = Install(command);
  if (!installed.ok()) return Fail(installed.status());
  std::printf("install: dashboards=%zu\n", *installed);
  return kExitOk;
}

}  // namespace batchsql::cli
