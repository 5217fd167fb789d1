#include "cli/doctor/findings.h"

#include <algorithm>
#include <utility>

namespace batchsql::cli {
namespace {

constexpr std::string_view kChecks[] = {
    "daemon.grpc",        "daemon.tables",          "daemon.reload",
    "metrics.ready",      "metrics.answer",         "metrics.prefix",
    "metrics.complete",   "metrics.range",          "metrics.pipelines",
    "metrics.counters",   "prometheus.ready",       "prometheus.target",
    "prometheus.series",  "prometheus.rules",       "prometheus.alertmanager",
    "prometheus.rate",    "prometheus.clock",       "prometheus.retention",
    "alertmanager.ready", "alertmanager.receivers", "alertmanager.watchdog",
    "grafana.health",     "grafana.datasource",     "grafana.dashboards",
    "grafana.queries",
};

}  // namespace

absl::Span<const std::string_view> CheckNames() { return kChecks; }

void Findings::Ok(std::string_view check, std::string detail) {
  Add({std::string(check), Outcome::kOk, std::move(detail), ""});
}

void Findings::Problem(std::string_view check, std::string detail, std::string fix) {
  Add({std::string(check), Outcome::kProblem, std::move(detail), std::move(fix)});
}

void Findings::Skipped(std::string_view check, std::string why) {
  Add({std::string(check), Outcome::kSkipped, std::move(why), ""});
}

void Findings::SkipRest(std::string_view prefix, const std::string& why) {
  for (const std::string_view check : kChecks) {
    const bool found = std::any_of(all_.begin(), all_.end(), [check](const Finding& finding) {
      return finding.check == check;
    });
    if (check.starts_with(prefix) && !found) Skipped(check, why);
  }
}

size_t Findings::Count(Outcome outcome) const {
  return static_cast<size_t>(
      std::count_if(all_.begin(), all_.end(),
                    [outcome](const Finding& finding) { return finding.outcome == outcome; }));
}

void Findings::Add(Finding finding) { all_.push_back(std::move(finding)); }

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kProblem:
      return "problem";
    case Outcome::kSkipped:
      return "skipped";
  }
  return "";
}

}  // namespace batchsql::cli
