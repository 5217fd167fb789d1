#include "server/alerts/alert_message.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/strings.h"

namespace batchsql {
namespace {

using Json = nlohmann::ordered_json;

std::string Rfc3339(WallTime time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string Summary(const AlertKey& key) {
  switch (key.kind) {
    case AlertKind::kJournalDamaged:
      return absl::StrCat("The journal or the dead letters of ", key.table, " are damaged");
    case AlertKind::kDiskFull:
      return absl::StrCat("batchsqld cannot write its files for ", key.table);
    case AlertKind::kPipelineStopped:
      return absl::StrCat("The pipeline of ", key.table, " is stopped");
  }
  return "";
}

std::string_view Consequence(AlertKind kind) {
  switch (kind) {
    case AlertKind::kJournalDamaged:
      return "No row of it is taken or written until a person has repaired them.";
    case AlertKind::kDiskFull:
      return "Rows of it are refused, or wait, until there is space.";
    case AlertKind::kPipelineStopped:
      return "No row of it is written until a person acts.";
  }
  return "";
}

std::string RunbookUrl(AlertKind kind, const AlertContext& context) {
  return absl::StrCat(context.grafana_url.empty() ? "" : context.grafana_url + "/public/",
                      "docs/runbooks/", AsAbsl(AlertName(kind)), ".md#what-to-do");
}

Json AlertJson(const Alert& alert, const AlertContext& context) {
  const AlertKey& key = alert.problem.key;
  Json labels = {{"alertname", AlertName(key.kind)},
                 {"severity", "critical"},
                 {"instance", context.instance},
                 {"database", key.database},
                 {"table", key.table},
                 {"test_name", context.test_name}};
  if (!context.environment.empty()) labels["env"] = context.environment;
  const std::string description =
      absl::StrCat("Table ", key.table, " on ", key.database, " (", context.test_name,
                   "): ", alert.problem.reason, ". ", AsAbsl(Consequence(key.kind)));
  return {{"labels", std::move(labels)},
          {"annotations",
           {{"summary", Summary(key)},
            {"description", description},
            {"runbook_url", RunbookUrl(key.kind, context)}}},
          {"startsAt", Rfc3339(alert.starts_at)},
          {"endsAt", Rfc3339(alert.ends_at)}};
}

}  // namespace

std::string AlertsJson(const std::vector<Alert>& alerts, const AlertContext& context) {
  Json body = Json::array();
  for (const Alert& alert : alerts) body.push_back(AlertJson(alert, context));
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace batchsql
