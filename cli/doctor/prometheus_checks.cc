#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/doctor/checks.h"
#include "cli/doctor/prometheus_api.h"
#include "cli/monitoring/contract.h"
#include "cli/monitoring/shipped_files.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

constexpr double kSkewSecondsMax = 5;
// rate() and the gauge look at different windows; more than this is no matter of windows.
constexpr double kRateFactorMax = 2;
// Rows per second below which nothing is compared.
constexpr double kBusyRate = 10;

std::string FullName(const Patient& patient, std::string_view name) {
  return absl::StrCat(TakesPrefix(name) ? patient.prefix : "", AsAbsl(name));
}

void Unanswered(const absl::Status& status, std::string_view check, Findings* findings) {
  findings->Problem(check, std::string(status.message()), "is --prometheus-url Prometheus?");
}

bool CheckReady(const PrometheusApi& api, Findings* findings) {
  const absl::StatusOr<HttpResponse> answer = api.Ready();
  if (answer.ok() && answer->status == 200) {
    findings->Ok("prometheus.ready", "Prometheus answers queries");
    return true;
  }
  findings->Problem("prometheus.ready",
                    answer.ok() ? absl::StrCat("/-/ready answers ", answer->status)
                                : std::string(answer.status().message()),
                    "start Prometheus, or give its address as --prometheus-url (port 9090)");
  return false;
}

// The targets of the job.
struct Targets {
  std::vector<std::string> down;
  std::set<std::string> up;  // by their label `instance`
};

Targets TargetsOf(const Json& active) {
  Targets targets;
  for (const Json& target : active) {
    const Json& labels = FieldOf(target, "labels");
    if (TextOf(labels, "job") != "batchsql") continue;
    if (TextOf(target, "health") == "up") {
      targets.up.insert(TextOf(labels, "instance"));
    } else {
      targets.down.push_back(absl::StrCat(TextOf(target, "scrapeUrl"), " is ",
                                          TextOf(target, "health"), ": ",
                                          TextOf(target, "lastError")));
    }
  }
  return targets;
}

void CheckTarget(const Patient& patient, const PrometheusApi& api, Findings* findings) {
  const absl::StatusOr<Json> data = api.Data("/api/v1/targets?state=active");
  if (!data.ok()) return Unanswered(data.status(), "prometheus.target", findings);
  const auto [down, up] = TargetsOf(FieldOf(*data, "activeTargets"));
  if (!down.empty()) {
    findings->Problem("prometheus.target", absl::StrJoin(down, "; "),
                      "`targets` in prometheus.yml must be the address as Prometheus sees it; "
                      "localhost inside a container is that container");
  } else if (up.empty()) {
    findings->Problem("prometheus.target", "no target in the job batchsql",
                      "prometheus.yml needs a scrape job named batchsql: the rules look for it");
  } else if (!patient.instance.empty() && !up.contains(patient.instance)) {
    findings->Problem(
        "prometheus.target",
        absl::StrCat("no target has instance=", patient.instance,
                     ", as the alerts have that the daemon posts, but ", absl::StrJoin(up, ", ")),
        "make it the environment's metrics_instance, or Alertmanager does not hold "
        "warnings back while those fire");
  } else {
    findings->Ok("prometheus.target", absl::StrCat(up.size(), " up in the job batchsql"));
  }
}

// The names that the job has, by one query.
absl::StatusOr<std::set<std::string>> ScrapedNames(const PrometheusApi& api) {
  const auto samples = api.Query("count by (__name__) ({job=\"batchsql\"})");
  if (!samples.ok()) return samples.status();
  std::set<std::string> names;
  for (const QueriedSample& sample : *samples) {
    const auto name = sample.labels.find("__name__");
    if (name != sample.labels.end()) names.insert(name->second);
  }
  return names;
}

bool HasMetric(const Patient& patient, const ContractMetric& metric,
               const std::set<std::string>& names) {
  const std::string name = FullName(patient, metric.name);
  return names.count(metric.type == MetricType::kHistogram ? name + "_count" : name) > 0;
}

std::string PrefixAmong(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    if (absl::EndsWith(name, "batchsql_build_info")) {
      return absl::StrCat("; the names there begin with ",
                          name.substr(0, name.size() - sizeof("build_info") + 1));
    }
  }
  return "";
}

bool CheckSeries(const Patient& patient, const PrometheusApi& api, Findings* findings) {
  const auto names = ScrapedNames(api);
  if (!names.ok()) {
    Unanswered(names.status(), "prometheus.series", findings);
    return false;
  }
  const bool has_tables = names->count(FullName(patient, "batchsql_queue_rows")) > 0;
  std::vector<std::string> missing;
  for (const ContractMetric& metric : ContractMetrics()) {
    if (metric.of_table && !has_tables) continue;
    if (!HasMetric(patient, metric, *names)) missing.push_back(FullName(patient, metric.name));
  }
  if (missing.empty()) {
    findings->Ok("prometheus.series", absl::StrCat(names->size(), " names are scraped"));
    return true;
  }
  findings->Problem("prometheus.series",
                    absl::StrCat("missing: ", absl::StrJoin(missing, ", "), PrefixAmong(*names)),
                    "where all are missing: --prefix must be the daemon's metrics_prefix, and "
                    "another program may have the target's port (Prometheus' own is 9090)");
  return false;
}

// The alerts of the shipped rules.
std::set<std::string> ShippedAlerts() {
  std::set<std::string> alerts;
  for (const ShippedFile& file : ShippedFiles()) {
    if (file.path != "prometheus/alert_rules.yml") continue;
    for (absl::string_view line : absl::StrSplit(AsAbsl(file.text), '\n')) {
      line = absl::StripLeadingAsciiWhitespace(line);
      if (absl::ConsumePrefix(&line, "- alert: ")) alerts.insert(std::string(line));
    }
  }
  return alerts;
}

// Whether a query is about our metrics, but not with the prefix that is expected.
bool HasOtherPrefix(const Patient& patient, const std::string& query) {
  return absl::StrContains(query, "batchsql_") &&
         (!absl::StrContains(query, patient.prefix + "batchsql_") ||
          (patient.prefix.empty() && absl::StrContains(query, "_batchsql_")));
}

// What is wrong with the alerts. One Prometheus may have the rules of several prefixes: an alert is
// well where one of its rules is.
std::vector<std::string> AlertProblems(const Patient& patient, const Json& groups) {
  std::map<std::string, std::string> problems;
  for (const std::string& name : ShippedAlerts()) problems[name] = "is not loaded";
  for (const Json& group : groups) {
    for (const Json& rule : FieldOf(group, "rules")) {
      const auto alert = problems.find(TextOf(rule, "name"));
      if (alert == problems.end()) continue;
      if (HasOtherPrefix(patient, TextOf(rule, "query"))) {
        alert->second = "is for another prefix";
      } else if (TextOf(rule, "health") == "err") {
        alert->second = absl::StrCat("fails: ", TextOf(rule, "lastError"));
      } else {
        problems.erase(alert);
      }
    }
  }
  std::vector<std::string> lines;
  lines.reserve(problems.size());
  for (const auto& [name, problem] : problems) lines.push_back(absl::StrCat(name, " ", problem));
  return lines;
}

void CheckRules(const Patient& patient, const PrometheusApi& api, Findings* findings) {
  const absl::StatusOr<Json> data = api.Data("/api/v1/rules?type=alert");
  if (!data.ok()) return Unanswered(data.status(), "prometheus.rules", findings);
  const std::vector<std::string> wrong = AlertProblems(patient, FieldOf(*data, "groups"));
  if (wrong.empty()) {
    return findings->Ok("prometheus.rules",
                        absl::StrCat("all ", ShippedAlerts().size(), " alerts are loaded"));
  }
  findings->Problem(
      "prometheus.rules", absl::StrJoin(wrong, "; "),
      absl::StrCat("`batchsql monitoring render",
                   patient.prefix.empty() ? "" : absl::StrCat(" --prefix ", patient.prefix),
                   "` writes the rules; name them under rule_files in prometheus.yml, and "
                   "`promtool check config` it"));
}

void CheckAlertmanagers(const PrometheusApi& api, Findings* findings) {
  const absl::StatusOr<Json> data = api.Data("/api/v1/alertmanagers");
  if (!data.ok()) return Unanswered(data.status(), "prometheus.alertmanager", findings);
  const Json& active = FieldOf(*data, "activeAlertmanagers");
  if (active.empty()) {
    return findings->Problem("prometheus.alertmanager", "Prometheus knows no Alertmanager",
                             "name it under alerting.alertmanagers in prometheus.yml");
  }
  // Names of hosts are tried only when there is something to send: a failure shows as an error.
  const absl::StatusOr<double> failed =
      api.Number("sum(increase(prometheus_notifications_errors_total[5m]))");
  if (failed.ok() && *failed > 0) {
    return findings->Problem(
        "prometheus.alertmanager",
        absl::StrCat("Prometheus could not send alerts to ", TextOf(active[0], "url")),
        "alerting.alertmanagers in prometheus.yml must be the address as Prometheus sees it");
  }
  findings->Ok("prometheus.alertmanager", absl::StrCat("alerts go to ", TextOf(active[0], "url")));
}

void CheckRate(const Patient& patient, const PrometheusApi& api, Findings* findings) {
  const std::string counter = FullName(patient, "batchsql_records_processed_total");
  const std::string gauge = FullName(patient, "batchsql_current_rps");
  const auto rate = api.Number(absl::StrCat("sum(rate(", counter, "{job=\"batchsql\"}[1m]))"));
  const auto shown =
      api.Number(absl::StrCat("sum(avg_over_time(", gauge, "{job=\"batchsql\"}[1m]))"));
  const auto old = api.Number(absl::StrCat("count(", counter, "{job=\"batchsql\"} offset 1m)"));
  if (!rate.ok()) return Unanswered(rate.status(), "prometheus.rate", findings);
  if (!shown.ok()) return Unanswered(shown.status(), "prometheus.rate", findings);
  if (!old.ok() || *old == 0) {
    return findings->Skipped("prometheus.rate", "the daemon is scraped for less than a minute");
  }
  const std::string seen = absl::StrFormat(
      "over a minute rate() tells %.1f rows/s, batchsql_current_rps %.1f", *rate, *shown);
  const double least = std::min(*rate, *shown);
  const double most = std::max(*rate, *shown);
  if (most < kBusyRate || most <= least * kRateFactorMax) {
    return findings->Ok("prometheus.rate", seen);
  }
  findings->Problem("prometheus.rate", seen,
                    "a daemon that is scraped under two names counts twice; several behind one "
                    "address make the counter jump. After a burst ask again in a minute");
}

double LocalSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void CheckClock(const Patient& patient, const PrometheusApi& api, Findings* findings) {
  if (patient.metrics.empty()) return findings->Skipped("prometheus.clock", "no --metrics-url");
  HttpRequest request;
  request.url = absl::StrCat(patient.metrics, "/healthz");
  const double begun = LocalSeconds();
  const absl::StatusOr<HttpResponse> answer = SendHttp(request);
  const double between = LocalSeconds();
  const absl::StatusOr<double> prometheus = api.Number("time()");
  const double ended = LocalSeconds();
  if (!answer.ok() || HttpDateSeconds(answer->date) < 0) {
    return findings->Skipped("prometheus.clock", "the daemon does not tell its time");
  }
  if (!prometheus.ok()) return Unanswered(prometheus.status(), "prometheus.clock", findings);
  // Each against our own clock at that moment. A Date has whole seconds.
  const double skew = (*prometheus - (between + ended) / 2) -
                      (HttpDateSeconds(answer->date) + 0.5 - (begun + between) / 2);
  if (std::abs(skew) <= kSkewSecondsMax) {
    return findings->Ok("prometheus.clock",
                        absl::StrFormat("Prometheus and the daemon differ by less than %.0f s",
                                        std::ceil(std::abs(skew) + 0.5)));
  }
  findings->Problem("prometheus.clock",
                    absl::StrFormat("Prometheus' clock is %.0f s %s the daemon's", std::abs(skew),
                                    skew > 0 ? "before" : "behind"),
                    "set the clocks of both hosts (NTP): Prometheus stamps samples with its own");
}

void CheckRetention(const PrometheusApi& api, Findings* findings) {
  const absl::StatusOr<Json> flags = api.Data("/api/v1/status/flags");
  if (!flags.ok()) return Unanswered(flags.status(), "prometheus.retention", findings);
  const std::string time = TextOf(*flags, "storage.tsdb.retention.time");
  const std::string size = TextOf(*flags, "storage.tsdb.retention.size");
  const bool unset = time.empty() || time == "0s";
  if (!unset) return findings->Ok("prometheus.retention", absl::StrCat("data is kept for ", time));
  if (!size.empty() && size != "0B") {
    return findings->Ok("prometheus.retention", absl::StrCat("data is kept up to ", size));
  }
  findings->Problem("prometheus.retention", "not set: data is gone after 15 days",
                    "start Prometheus with --storage.tsdb.retention.time=30d and "
                    "--storage.tsdb.retention.size=10GB; prometheus.yml does not set it");
}

}  // namespace

void CheckPrometheus(const Patient& patient, Findings* findings) {
  if (patient.prometheus.empty()) return findings->SkipRest("prometheus.", "no --prometheus-url");
  const PrometheusApi api(patient.prometheus);
  if (!CheckReady(api, findings)) {
    return findings->SkipRest("prometheus.", "Prometheus does not answer");
  }
  CheckTarget(patient, api, findings);
  const bool has_series = CheckSeries(patient, api, findings);
  CheckRules(patient, api, findings);
  CheckAlertmanagers(api, findings);
  if (has_series) {
    CheckRate(patient, api, findings);
  } else {
    findings->Skipped("prometheus.rate", "series are missing");
  }
  CheckClock(patient, api, findings);
  CheckRetention(api, findings);
}

}  // namespace batchsql::cli
