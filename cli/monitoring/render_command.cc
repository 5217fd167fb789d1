#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/call.h"
#include "cli/monitoring/commands.h"
#include "cli/monitoring/text_files.h"
#include "config/listen.h"

namespace batchsql::cli {
namespace {

bool IsScraped(const ListenAddress& address) { return address.port != 0 && !address.IsAny(); }

// Where Prometheus finds the daemon, and by which name.
absl::Status FillTarget(const DaemonPlace& place, RenderOptions* options) {
  const std::string& instance = place.environment.metrics_instance;
  if (const auto address = ParseListenAddress(instance); address.ok() && IsScraped(*address)) {
    options->targets = {instance};
    return absl::OkStatus();
  }
  if (!IsScraped(place.http)) {
    return absl::InvalidArgumentError(
        absl::StrCat("HTTP listens at ", place.http.ToString(),
                     ", where Prometheus cannot find it: expected "
                     "--target, or the environment's metrics_instance, as host:port"));
  }
  options->targets = {place.http.ToString()};
  options->instance = instance;
  return absl::OkStatus();
}

}  // namespace

absl::Status FillFromFile(RenderCommand* command) {
  const DaemonFile& file = command->file;
  if (file.path.empty()) return absl::OkStatus();
  RenderOptions& options = command->options;
  const absl::StatusOr<DaemonPlace> place = file.Read(options.environment);
  if (!place.ok()) return place.status();
  const EnvironmentOptions& environment = place->environment;
  file.Fill("--prefix", environment.metrics_prefix, &options.prefix);
  file.Fill("--grafana-url", environment.grafana_url, &options.grafana_url);
  file.Fill("--alertmanager", environment.alertmanager_url, &options.alertmanager);
  return file.given.contains("--target") ? absl::OkStatus() : FillTarget(*place, &options);
}

int RunRender(const RenderCommand& command) {
  const absl::StatusOr<std::vector<RenderedFile>> files = Render(command.options);
  if (!files.ok()) return Fail(files.status());
  for (const RenderedFile& file : *files) {
    const std::filesystem::path path = std::filesystem::path(command.out) / file.path;
    if (absl::Status written = WriteTextFile(path, file.text); !written.ok()) {
      return Fail(written);
    }
    std::printf("%s\n", path.c_str());
  }
  std::printf("render: files=%zu\n", files->size());
  return kExitOk;
}

}  // namespace batchsql::cli
