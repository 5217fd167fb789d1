#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/call.h"
#include "cli/monitoring/commands.h"
#include "cli/monitoring/grafana.h"
#include "cli/monitoring/prometheus_backup.h"
#include "cli/monitoring/text_files.h"
#include "config/loader.h"

namespace batchsql::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kPrometheusFolder[] = "prometheus";
constexpr char kGrafanaFolder[] = "grafana";

absl::StatusOr<Grafana> OpenGrafana(const BackupCommand& command) {
  const absl::StatusOr<std::string> base = BaseUrl(command.grafana_url);
  if (!base.ok()) return base.status();
  absl::StatusOr<HttpLogin> login = ReadLogin(command.login);
  if (!login.ok()) return login.status();
  return Grafana(*base, *std::move(login));
}

// It becomes the name of a file.
bool IsUid(const std::string& uid) {
  return !uid.empty() && std::all_of(uid.begin(), uid.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

// Returns how many.
absl::StatusOr<size_t> SaveDashboards(const Grafana& grafana, const fs::path& folder) {
  const absl::StatusOr<std::vector<std::string>> uids = grafana.DashboardUids();
  if (!uids.ok()) return uids.status();
  for (const std::string& uid : *uids) {
    if (!IsUid(uid)) return absl::DataLossError(absl::StrCat("'", uid, "' is no uid"));
    const absl::StatusOr<Json> saved = grafana.Dashboard(uid);
    if (!saved.ok()) return saved.status();
    absl::Status written = WriteTextFile(folder / (uid + ".json"), saved->dump(2) + "\n");
    if (!written.ok()) return written;
  }
  return uids->size();
}

absl::StatusOr<Json> ReadDashboard(const fs::path& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  Json saved = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!FieldOf(saved, "dashboard").is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " is no saved dashboard"));
  }
  return saved;
}

absl::Status PutBack(const Grafana& grafana, const Json& saved) {
  const Json& meta = FieldOf(saved, "meta");
  const std::string folder = TextOf(meta, "folderUid");
  if (!folder.empty()) {
    absl::Status made = grafana.MakeFolder(folder, TextOf(meta, "folderTitle"));
    if (!made.ok()) return made;
  }
  return grafana.PutDashboard(saved["dashboard"], folder).status();
}

bool IsProvisioned(const Json& saved) {
  const Json& provisioned = FieldOf(FieldOf(saved, "meta"), "provisioned");
  return provisioned.is_boolean() && provisioned.get<bool>();
}

// Returns how many; those that come from files on Grafana's own disk are left to them.
absl::StatusOr<size_t> PutBackDashboards(const Grafana& grafana, const fs::path& folder) {
  size_t count = 0;
  std::error_code error;
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  if (error)
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": ", error.message()));
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    const absl::StatusOr<Json> saved = ReadDashboard(path);
    if (!saved.ok()) return saved.status();
    if (IsProvisioned(*saved)) {
      std::printf("left out, Grafana has it from a file: %s\n", path.stem().c_str());
      continue;
    }
    if (absl::Status put = PutBack(grafana, *saved); !put.ok()) return put;
    ++count;
  }
  return count;
}

absl::Status Check(const BackupCommand& command, bool url_needed) {
  const bool prometheus = !command.prometheus_data.empty();
  if (url_needed && prometheus != !command.prometheus_url.empty()) {
    return absl::InvalidArgumentError("--prometheus-url and --prometheus-data go together");
  }
  if (!prometheus && command.grafana_url.empty()) {
    return absl::InvalidArgumentError(
        url_needed ? "--prometheus-url with --prometheus-data, --grafana-url, or all of them"
                   : "--prometheus-data, --grafana-url, or both");
  }
  return absl::OkStatus();
}

struct Done {
  std::string prometheus = "-";
  std::string dashboards = "-";
};

absl::StatusOr<Done> BackUp(const BackupCommand& command) {
  if (absl::Status checked = Check(command, true); !checked.ok()) return checked;
  Done done;
  const fs::path folder(command.folder);
  if (!command.prometheus_data.empty()) {
    absl::StatusOr<std::string> name = BackUpPrometheus(
        command.prometheus_url, command.prometheus_data, folder / kPrometheusFolder);
    if (!name.ok()) return name.status();
    done.prometheus = *std::move(name);
  }
  if (!command.grafana_url.empty()) {
    const absl::StatusOr<Grafana> grafana = OpenGrafana(command);
    if (!grafana.ok()) return grafana.status();
    const absl::StatusOr<size_t> saved = SaveDashboards(*grafana, folder / kGrafanaFolder);
    if (!saved.ok()) return saved.status();
    done.dashboards = absl::StrCat(*saved);
  }
  return done;
}

absl::StatusOr<Done> Restore(const BackupCommand& command) {
  if (absl::Status checked = Check(command, false); !checked.ok()) return checked;
  Done done;
  const fs::path folder(command.folder);
  if (!command.prometheus_data.empty()) {
    absl::Status restored = RestorePrometheus(folder / kPrometheusFolder, command.prometheus_data);
    if (!restored.ok()) return restored;
    done.prometheus = "restored";
  }
  if (!command.grafana_url.empty()) {
    const absl::StatusOr<Grafana> grafana = OpenGrafana(command);
    if (!grafana.ok()) return grafana.status();
    const absl::StatusOr<size_t> put = PutBackDashboards(*grafana, folder / kGrafanaFolder);
    if (!put.ok()) return put.status();
    done.dashboards = absl::StrCat(*put);
  }
  return done;
}

int Finish(const char* what, const absl::StatusOr<Done>& done) {
  if (!done.ok()) return Fail(done.status());
  std::printf("%s: prometheus=%s dashboards=%s\n", what, done->prometheus.c_str(),
              done->dashboards.c_str());
  return kExitOk;
}

}  // namespace

absl::Status FillFromFile(BackupCommand* command) {
  const DaemonFile& file = command->file;
  if (file.path.empty()) {
    return command->environment.empty() ? absl::OkStatus() : EnvironmentWithoutFile();
  }
  const absl::StatusOr<DaemonPlace> place = file.Read(command->environment);
  if (!place.ok()) return place.status();
  file.Fill("--grafana-url", place->environment.grafana_url, &command->grafana_url);
  return absl::OkStatus();
}

int RunBackup(const BackupCommand& command) { return Finish("backup", BackUp(command)); }

int RunRestore(const BackupCommand& command) { return Finish("restore", Restore(command)); }

}  // namespace batchsql::cli
