#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/doctor/checks.h"
#include "cli/doctor/exposition.h"
#include "cli/monitoring/contract.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

// Between the two looks at the counters.
constexpr std::chrono::seconds kBetween{2};
// A row that waits for longer while none is written is stuck.
constexpr double kStuckSeconds = 30;
constexpr char kBuildInfo[] = "batchsql_build_info";

std::string FullName(const Patient& patient, std::string_view name) {
  return absl::StrCat(TakesPrefix(name) ? patient.prefix : "", AsAbsl(name));
}

// "batchsql_error_rate{database="main"} is 1.5"
std::string Describe(const Sample& sample) {
  std::vector<std::string> labels;
  for (const auto& [name, value] : sample.labels) {
    labels.push_back(absl::StrCat(name, "=\"", value, "\""));
  }
  return absl::StrFormat("%s{%s} is %g", sample.name, absl::StrJoin(labels, ","), sample.value);
}

void CheckReady(const Patient& patient, Findings* findings) {
  HttpRequest request;
  request.url = absl::StrCat(patient.metrics, "/readyz");
  const absl::StatusOr<HttpResponse> answer = SendHttp(request);
  if (!answer.ok()) {
    findings->Problem("metrics.ready", std::string(answer.status().message()),
                      "start batchsqld, or give its http.listen as --metrics-url; in a container "
                      "it must listen on 0.0.0.0");
  } else if (answer->status != 200) {
    findings->Problem("metrics.ready",
                      absl::StrCat("/readyz answers ", answer->status, ": ",
                                   answer->body.substr(0, answer->body.find('\n'))),
                      "wait until the daemon has started; 404 means that this is another program");
  } else {
    findings->Ok("metrics.ready", "the daemon takes rows");
  }
}

absl::StatusOr<Exposition> Scrape(const Patient& patient) {
  HttpRequest request;
  request.url = absl::StrCat(patient.metrics, "/metrics");
  const absl::StatusOr<HttpResponse> answer = SendHttp(request);
  if (!answer.ok()) return answer.status();
  if (answer->status != 200) {
    return absl::FailedPreconditionError(absl::StrCat("/metrics answers ", answer->status));
  }
  return ParseExposition(answer->body);
}

// Whose /metrics it is, where it is not batchsqld's.
std::string OtherProgram(const Exposition& exposition) {
  for (const char* program : {"prometheus", "alertmanager", "grafana"}) {
    if (exposition.types.count(absl::StrCat(program, "_build_info")) > 0) return program;
  }
  return "";
}

// What stands before our names, or nothing where there are none.
std::optional<std::string> SeenPrefix(const Exposition& exposition) {
  for (const auto& [name, type] : exposition.types) {
    if (!absl::EndsWith(name, kBuildInfo)) continue;
    return name.substr(0, name.size() - (sizeof(kBuildInfo) - 1));
  }
  return std::nullopt;
}

bool CheckPrefixSeen(const Patient& patient, const Exposition& exposition, Findings* findings) {
  const std::optional<std::string> seen = SeenPrefix(exposition);
  if (seen == patient.prefix) {
    findings->Ok("metrics.prefix", patient.prefix.empty()
                                       ? "names begin with batchsql_"
                                       : absl::StrCat("names begin with ", patient.prefix));
    return true;
  }
  if (seen.has_value()) {
    findings->Problem(
        "metrics.prefix",
        absl::StrCat("names begin with '", *seen, "batchsql_', not with '", patient.prefix,
                     "batchsql_'"),
        absl::StrCat("give the daemon's prefix: --prefix '", *seen,
                     "', here and to `batchsql monitoring render` and `install`; or start the "
                     "daemon with the right --environment"));
    return false;
  }
  const std::string other = OtherProgram(exposition);
  findings->Problem(
      "metrics.prefix",
      absl::StrCat("no batchsql_build_info: this is ", other.empty() ? "not batchsqld" : other),
      "another program has the port: Prometheus' own is 9090, the daemon's 8080");
  return false;
}

void CheckComplete(const Patient& patient, const Exposition& exposition, Findings* findings) {
  const bool has_tables = !exposition.Named(FullName(patient, "batchsql_queue_rows")).empty();
  std::vector<std::string> wrong;
  size_t expected = 0;
  for (const ContractMetric& metric : ContractMetrics()) {
    if (metric.of_table && !has_tables) continue;
    ++expected;
    const std::string name = FullName(patient, metric.name);
    const auto type = exposition.types.find(name);
    if (type == exposition.types.end()) {
      wrong.push_back(absl::StrCat(name, " is missing"));
    } else if (type->second != MetricTypeName(metric.type)) {
      wrong.push_back(absl::StrCat(name, " is a ", type->second));
    }
  }
  if (!wrong.empty()) {
    findings->Problem("metrics.complete", absl::StrJoin(wrong, ", "),
                      "client and daemon are of different versions, or something rewrites "
                      "/metrics on its way");
    return;
  }
  findings->Ok("metrics.complete",
               absl::StrCat("all ", expected, " metrics of the contract",
                            has_tables ? "" : "; those of tables come with the first table"));
}

bool IsInRange(const ContractMetric& metric, double value) {
  if (std::isnan(value) || value < 0) return false;
  return !metric.is_share || value <= 1;
}

void CheckRange(const Patient& patient, const Exposition& exposition, Findings* findings) {
  std::vector<std::string> wrong;
  for (const ContractMetric& metric : ContractMetrics()) {
    for (const Sample* sample : exposition.Named(FullName(patient, metric.name))) {
      if (!IsInRange(metric, sample->value)) wrong.push_back(Describe(*sample));
    }
  }
  if (wrong.empty()) {
    findings->Ok("metrics.range", "shares are 0 to 1, and nothing is negative");
    return;
  }
  findings->Problem("metrics.range", absl::StrJoin(wrong, ", "),
                    "rates and states are 0 to 1, never per cent: something else writes these "
                    "names, or rewrites them");
}

void CheckPipelines(const Patient& patient, const Exposition& exposition, Findings* findings) {
  std::vector<std::string> ill;
  size_t running = 0;
  for (const Sample* sample : exposition.Named(FullName(patient, "batchsql_pipeline_state"))) {
    if (sample->value != 1) continue;
    if (sample->Label("state") == "running") {
      ++running;
    } else {
      ill.push_back(absl::StrCat(sample->Label("table"), " on ", sample->Label("database"), " is ",
                                 sample->Label("state")));
    }
  }
  if (ill.empty()) {
    findings->Ok("metrics.pipelines", absl::StrCat(running, " pipelines, all running"));
    return;
  }
  findings->Problem("metrics.pipelines", absl::StrJoin(ill, ", "),
                    "`batchsql status` shows the error's code; the runbooks of "
                    "BatchSQLPipelineStopped and BatchSQLTargetDown tell what to do");
}

std::string SeriesKey(const Sample& sample) {
  std::string key = sample.name;
  for (const auto& [name, value] : sample.labels) absl::StrAppend(&key, "\n", name, "=", value);
  return key;
}

std::vector<std::string> Fallen(const Patient& patient, const Exposition& before,
                                const Exposition& after) {
  std::vector<std::string> fallen;
  for (const ContractMetric& metric : ContractMetrics()) {
    if (metric.type != MetricType::kCounter) continue;
    const std::string name = FullName(patient, metric.name);
    std::map<std::string, double> values;
    for (const Sample* sample : before.Named(name)) values[SeriesKey(*sample)] = sample->value;
    for (const Sample* sample : after.Named(name)) {
      const auto earlier = values.find(SeriesKey(*sample));
      if (earlier != values.end() && sample->value < earlier->second) fallen.push_back(name);
    }
  }
  return fallen;
}

double LongestWait(const Patient& patient, const Exposition& exposition) {
  double longest = 0;
  for (const Sample* sample :
       exposition.Named(FullName(patient, "batchsql_oldest_unflushed_row_age_seconds"))) {
    longest = std::max(longest, sample->value);
  }
  return longest;
}

void CheckCounters(const Patient& patient, const Exposition& before, const Exposition& after,
                   Findings* findings) {
  const std::vector<std::string> fallen = Fallen(patient, before, after);
  if (!fallen.empty()) {
    return findings->Problem("metrics.counters",
                             absl::StrCat("fell: ", absl::StrJoin(fallen, ", ")),
                             "the daemon restarted meanwhile, or several daemons answer behind one "
                             "address: give Prometheus each of them as a target of its own");
  }
  const std::string processed = FullName(patient, "batchsql_records_processed_total");
  const double rows = after.Sum(processed) - before.Sum(processed);
  const double wait = LongestWait(patient, after);
  if (rows == 0 && wait > kStuckSeconds) {
    return findings->Problem("metrics.counters",
                             absl::StrFormat("no row was written in %d s, and one waits for %.0f s",
                                             kBetween.count(), wait),
                             "see metrics.pipelines, and the runbook of BatchSQLRowsStuck");
  }
  findings->Ok("metrics.counters",
               rows > 0 ? absl::StrFormat("%.0f rows were written in %d s", rows, kBetween.count())
                        : "idle: no row was written, and none waits");
}

}  // namespace

void CheckMetrics(const Patient& patient, Findings* findings) {
  if (patient.metrics.empty()) return findings->SkipRest("metrics.", "no --metrics-url");
  CheckReady(patient, findings);
  const absl::StatusOr<Exposition> exposition = Scrape(patient);
  if (!exposition.ok()) {
    findings->Problem("metrics.answer", std::string(exposition.status().message()),
                      "--metrics-url must be the daemon's HTTP address (http.listen); a proxy on "
                      "the way must not change the answer");
    return findings->SkipRest("metrics.", "/metrics does not answer");
  }
  findings->Ok("metrics.answer", absl::StrCat(exposition->samples.size(), " series"));
  if (!CheckPrefixSeen(patient, *exposition, findings)) {
    return findings->SkipRest("metrics.", "not the metrics that were expected");
  }
  CheckComplete(patient, *exposition, findings);
  CheckRange(patient, *exposition, findings);
  CheckPipelines(patient, *exposition, findings);
  std::this_thread::sleep_for(kBetween);
  const absl::StatusOr<Exposition> later = Scrape(patient);
  if (!later.ok()) return findings->SkipRest("metrics.", "/metrics does not answer any more");
  CheckCounters(patient, *exposition, *later, findings);
}

}  // namespace batchsql::cli
