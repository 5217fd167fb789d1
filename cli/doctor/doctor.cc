#include "cli/doctor/doctor.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/call.h"
#include "cli/doctor/checks.h"
#include "cli/http/json_api.h"
#include "cli/monitoring/render.h"

namespace batchsql::cli {
namespace {

constexpr char kDefaultServer[] = "127.0.0.1:50051";
constexpr char kDefaultMetrics[] = "http://127.0.0.1:8080";

absl::Status SetUrl(const std::string& url, std::string* base) {
  if (url.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> checked = BaseUrl(url);
  if (!checked.ok()) return checked.status();
  *base = *std::move(checked);
  return absl::OkStatus();
}

// What the daemon calls itself in the alerts that it posts; empty where it posts none, or where
// that is known only when it runs.
std::string AlertInstance(const DaemonPlace& place) {
  const EnvironmentOptions& environment = place.environment;
  if (environment.alertmanager_url.empty()) return "";
  if (!environment.metrics_instance.empty()) return environment.metrics_instance;
  return place.http.port == 0 ? "" : place.http.ToString();
}

absl::Status CheckPrefixAndEnvironment(const DoctorCommand& command) {
  RenderOptions options;
  options.prefix = command.prefix;
  // What a file calls an environment matters only to the names of Grafana's dashboards.
  if (command.file.path.empty() || !command.grafana_url.empty()) {
    options.environment = command.environment;
  }
  return CheckOptions(options);
}

absl::StatusOr<Patient> ReadPatient(const DoctorCommand& command) {
  Patient patient;
  patient.server = command.server;
  patient.prefix = command.prefix;
  patient.environment = command.environment;
  patient.instance = command.instance;
  if (absl::Status names = CheckPrefixAndEnvironment(command); !names.ok()) return names;
  for (absl::Status set : {SetUrl(command.metrics_url, &patient.metrics),
                           SetUrl(command.prometheus_url, &patient.prometheus),
                           SetUrl(command.alertmanager_url, &patient.alertmanager),
                           SetUrl(command.grafana_url, &patient.grafana)}) {
    if (!set.ok()) return set;
  }
  patient.metrics = std::string(absl::StripSuffix(patient.metrics, "/metrics"));
  absl::StatusOr<HttpLogin> login = ReadLogin(command.login);
  if (!login.ok()) return login.status();
  patient.has_login = !login->token.empty() || !login->user.empty();
  patient.login = *std::move(login);
  if (command.file.path.empty() && patient.server.empty() && patient.metrics.empty() &&
      patient.prometheus.empty() && patient.alertmanager.empty() && patient.grafana.empty()) {
    patient.server = kDefaultServer;
    patient.metrics = kDefaultMetrics;
  }
  return patient;
}

void PrintText(const Findings& findings) {
  for (const Finding& finding : findings.all()) {
    std::printf("%-8s %-24s %s\n", OutcomeName(finding.outcome), finding.check.c_str(),
                finding.detail.c_str());
    if (!finding.fix.empty()) std::printf("%33s fix: %s\n", "", finding.fix.c_str());
  }
  std::printf("doctor: ok=%zu problems=%zu skipped=%zu\n", findings.Count(Outcome::kOk),
              findings.Count(Outcome::kProblem), findings.Count(Outcome::kSkipped));
}

void PrintDocument(const Findings& findings) {
  Json checks = Json::array();
  for (const Finding& finding : findings.all()) {
    checks.push_back({{"check", finding.check},
                      {"outcome", OutcomeName(finding.outcome)},
                      {"detail", finding.detail},
                      {"fix", finding.fix}});
  }
  const Json document = {{"ok", findings.Count(Outcome::kProblem) == 0}, {"checks", checks}};
  // What servers say need not be UTF-8.
  std::printf("%s\n", document.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

absl::Status FillFromFile(DoctorCommand* command) {
  const DaemonFile& file = command->file;
  if (file.path.empty()) return absl::OkStatus();
  const absl::StatusOr<DaemonPlace> place = file.Read(command->environment);
  if (!place.ok()) return place.status();
  const EnvironmentOptions& environment = place->environment;
  const std::string http = ReachedHere(place->http);
  file.Fill("--server", ReachedHere(place->grpc), &command->server);
  file.Fill("--metrics-url", http.empty() ? "" : absl::StrCat("http://", http),
            &command->metrics_url);
  file.Fill("--alertmanager-url", environment.alertmanager_url, &command->alertmanager_url);
  file.Fill("--grafana-url", environment.grafana_url, &command->grafana_url);
  file.Fill("--prefix", environment.metrics_prefix, &command->prefix);
  command->instance = AlertInstance(*place);
  return absl::OkStatus();
}

int RunDoctor(const DoctorCommand& command) {
  const absl::StatusOr<Patient> patient = ReadPatient(command);
  if (!patient.ok()) return Fail(patient.status());
  Findings findings;
  CheckDaemon(*patient, &findings);
  CheckMetrics(*patient, &findings);
  CheckPrometheus(*patient, &findings);
  CheckAlertmanager(*patient, &findings);
  CheckGrafana(*patient, &findings);
  if (command.json) {
    PrintDocument(findings);
  } else {
    PrintText(findings);
  }
  return findings.Count(Outcome::kProblem) == 0 ? kExitOk : kExitProblem;
}

}  // namespace batchsql::cli
