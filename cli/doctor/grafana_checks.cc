#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/doctor/checks.h"
#include "cli/doctor/panel_queries.h"
#include "cli/monitoring/grafana.h"
#include "cli/monitoring/render.h"

namespace batchsql::cli {
namespace {

constexpr char kDataSource[] = "batchsql-prometheus";

// How to mend what Grafana refuses to show.
std::string FixOf(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)
             ? "give a service account's token (Viewer reads dashboards, Admin data sources) as "
               "--token-file"
             : "is --grafana-url Grafana?";
}

void CheckDataSource(const Grafana& grafana, Findings* findings) {
  const absl::StatusOr<Json> sources = grafana.DataSources();
  if (!sources.ok()) {
    return findings->Problem("grafana.datasource", std::string(sources.status().message()),
                             FixOf(sources.status()));
  }
  bool any = false;
  for (const Json& source : *sources) {
    if (TextOf(source, "type") != "prometheus") continue;
    any = true;
    if (TextOf(source, "uid") == kDataSource) {
      return findings->Ok("grafana.datasource", absl::StrCat(kDataSource, " is there"));
    }
  }
  findings->Problem(
      "grafana.datasource",
      absl::StrCat("no data source with the uid ", kDataSource,
                   any ? "; another Prometheus is there" : ""),
      "provision grafana/provisioning/datasources, or choose yours in the dashboards' variable");
}

std::set<std::string> ShippedUids(const Patient& patient) {
  RenderOptions options;
  options.environment = patient.environment;  // was checked
  const auto dashboards = RenderDashboards(options);
  std::set<std::string> uids;
  if (!dashboards.ok()) return uids;
  for (const Json& dashboard : *dashboards) uids.insert(TextOf(dashboard, "uid"));
  return uids;
}

void CheckInstalled(const std::set<std::string>& shipped, const std::vector<std::string>& there,
                    Findings* findings) {
  std::vector<std::string> missing;
  for (const std::string& uid : shipped) {
    if (std::find(there.begin(), there.end(), uid) == there.end()) missing.push_back(uid);
  }
  if (missing.empty()) {
    return findings->Ok("grafana.dashboards", absl::StrCat("all ", shipped.size(), " are there"));
  }
  findings->Problem("grafana.dashboards", absl::StrCat("not there: ", absl::StrJoin(missing, ", ")),
                    "`batchsql monitoring install` puts them there");
}

// The dashboards that were installed must have the daemon's prefix; others may be about another.
void CheckQueries(const Patient& patient, const Grafana& grafana,
                  const std::set<std::string>& shipped, const std::vector<std::string>& uids,
                  Findings* findings) {
  std::vector<std::string> problems;
  for (const std::string& uid : uids) {
    const absl::StatusOr<Json> saved = grafana.Dashboard(uid);
    if (!saved.ok()) {
      problems.emplace_back(saved.status().message());
      continue;
    }
    std::optional<std::string> prefix;
    if (shipped.count(uid) > 0) prefix = patient.prefix;
    for (const std::string& problem : PanelProblems(FieldOf(*saved, "dashboard"), prefix)) {
      problems.push_back(absl::StrCat(uid, ": ", problem));
    }
  }
  if (problems.empty()) {
    return findings->Ok("grafana.queries",
                        absl::StrCat("the panels of ", uids.size(), " dashboards are sound"));
  }
  findings->Problem("grafana.queries", absl::StrJoin(problems, "; "),
                    "integrity is 0 to 1: times 100 once with the unit per cent, or as it is with "
                    "per cent (0.0-1.0); a quantile needs rate, rows/s are summed; for a prefix "
                    "`batchsql monitoring install --prefix`");
}

}  // namespace

void CheckGrafana(const Patient& patient, Findings* findings) {
  if (patient.grafana.empty()) return findings->SkipRest("grafana.", "no --grafana-url");
  const Grafana grafana(patient.grafana, patient.login);
  const absl::StatusOr<Json> health = grafana.Health();
  if (!health.ok() || TextOf(*health, "database") != "ok") {
    findings->Problem(
        "grafana.health",
        health.ok() ? "Grafana's own database is not ok" : std::string(health.status().message()),
        "start Grafana, or give its address as --grafana-url (port 3000)");
    return findings->SkipRest("grafana.", "Grafana does not answer");
  }
  findings->Ok("grafana.health", absl::StrCat("Grafana ", TextOf(*health, "version")));
  if (!patient.has_login) return findings->SkipRest("grafana.", "no --token-file");
  CheckDataSource(grafana, findings);
  const absl::StatusOr<std::vector<std::string>> uids = grafana.DashboardUids();
  if (!uids.ok()) {
    findings->Problem("grafana.dashboards", std::string(uids.status().message()),
                      FixOf(uids.status()));
    return findings->SkipRest("grafana.", "the dashboards cannot be listed");
  }
  const std::set<std::string> shipped = ShippedUids(patient);
  CheckInstalled(shipped, *uids, findings);
  CheckQueries(patient, grafana, shipped, *uids, findings);
}

}  // namespace batchsql::cli
