#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/doctor/checks.h"
#include "cli/http/json_api.h"

namespace batchsql::cli {
namespace {

// As prometheus/alertmanager.yml is shipped: nobody listens there.
constexpr char kShippedReceiver[] = "http://127.0.0.1:9095/";

void CheckReceivers(const JsonApi& api, Findings* findings) {
  const absl::StatusOr<Json> status = api.Get("/api/v2/status");
  if (!status.ok()) {
    return findings->Problem("alertmanager.receivers", std::string(status.status().message()),
                             "is --alertmanager-url Alertmanager?");
  }
  const std::string config = TextOf(FieldOf(*status, "config"), "original");
  if (!absl::StrContains(config, "_configs:")) {
    return findings->Problem("alertmanager.receivers", "no receiver tells anybody",
                             "give a receiver in alertmanager.yml a webhook or an e-mail address");
  }
  if (absl::StrContains(config, kShippedReceiver)) {
    return findings->Problem(
        "alertmanager.receivers",
        absl::StrCat("alerts go to ", kShippedReceiver, ", the address that was shipped"),
        "put your webhook's or e-mail's address into alertmanager.yml");
  }
  findings->Ok("alertmanager.receivers", "a receiver is configured");
}

void CheckWatchdog(const JsonApi& api, Findings* findings) {
  const absl::StatusOr<Json> alerts =
      api.Get("/api/v2/alerts?filter=" + UrlEncode("alertname=\"BatchSQLWatchdog\""));
  if (!alerts.ok()) {
    return findings->Problem("alertmanager.watchdog", std::string(alerts.status().message()),
                             "is --alertmanager-url Alertmanager?");
  }
  if (!alerts->empty()) {
    return findings->Ok("alertmanager.watchdog", "BatchSQLWatchdog arrives: alerts come through");
  }
  findings->Problem("alertmanager.watchdog",
                    "BatchSQLWatchdog, which always fires, has not arrived",
                    "Prometheus must load the rules (prometheus.rules) and know this Alertmanager "
                    "(prometheus.alertmanager); right after a start wait a minute");
}

}  // namespace

void CheckAlertmanager(const Patient& patient, Findings* findings) {
  if (patient.alertmanager.empty()) {
    return findings->SkipRest("alertmanager.", "no --alertmanager-url");
  }
  const JsonApi api("Alertmanager", patient.alertmanager);
  const absl::StatusOr<HttpResponse> ready = api.Raw("GET", "/-/ready", "");
  if (!ready.ok() || ready->status != 200) {
    findings->Problem("alertmanager.ready",
                      ready.ok() ? absl::StrCat("/-/ready answers ", ready->status)
                                 : std::string(ready.status().message()),
                      "start Alertmanager, or give its address as --alertmanager-url (port 9093)");
    return findings->SkipRest("alertmanager.", "Alertmanager does not answer");
  }
  findings->Ok("alertmanager.ready", "Alertmanager takes alerts");
  CheckReceivers(api, findings);
  CheckWatchdog(api, findings);
}

}  // namespace batchsql::cli
