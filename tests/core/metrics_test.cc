#include "core/metrics.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "core/log.h"
#include "tests/support/simulated_clock.h"

namespace batchsql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The value of a series, by its whole name with labels; "" when there is none.
std::string ValueOf(const std::string& exposed, const std::string& series) {
  std::istringstream lines(exposed);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(series + " ", 0) == 0) return line.substr(series.size() + 1);
  }
  return "";
}

const char kTable[] = "{database=\"pg\",table=\"s.t\",test_name=\"load\"}";
const char kTarget[] = "{database=\"pg\",test_name=\"load\"}";

class MetricsTest {
 protected:
  MetricsTest() {
    metrics.AddTarget("pg", {[this] { return connections; }, [this] { return rows_wait; },
                             [this] { return ended; }, 5});
    pipeline = metrics.AddPipeline("pg", "s.t");
  }
  std::string Of(const std::string& name, const std::string& labels) {
    return ValueOf(metrics.Expose(), name + labels);
  }

  SimulatedClock clock;
  Metrics metrics{{"load", "", ""}, &clock};
  PipelineMetrics* pipeline = nullptr;
  uint32_t connections = 0;
  bool rows_wait = false;
  EndedRows::Counts ended;
};

TEST_CASE_METHOD(MetricsTest, "Every series of the contract exists from the start, at 0") {
  const std::string exposed = metrics.Expose();
  for (const char* name :
       {"batchsql_records_processed_total", "batchsql_current_rps", "batchsql_batch_success_total",
        "batchsql_batch_failed_total", "batchsql_batch_execution_duration_ms_count",
        "batchsql_batch_execution_duration_ms_sum", "batchsql_batch_size_count",
        "batchsql_batch_size_sum"}) {
    INFO(name);
    CHECK(ValueOf(exposed, std::string(name) + kTable) == "0");
  }
  CHECK(ValueOf(exposed, std::string("batchsql_data_integrity_rate") + kTarget) == "1");
  CHECK(ValueOf(exposed, std::string("batchsql_error_rate") + kTarget) == "0");
  CHECK(ValueOf(exposed, std::string("batchsql_buffer_utilization") + kTarget) == "0");
  CHECK(std::stod(ValueOf(exposed, std::string("batchsql_memory_usage_bytes") + kTarget)) > 1e6);
  CHECK(ValueOf(exposed, "batchsql_active_connections{database=\"pg\"}") == "0");
  for (const char* type :
       {"batchsql_records_processed_total counter", "batchsql_current_rps gauge",
        "batchsql_batch_execution_duration_ms histogram", "batchsql_batch_size histogram",
        "batchsql_data_integrity_rate gauge", "batchsql_error_rate gauge",
        "batchsql_batch_success_total counter", "batchsql_batch_failed_total counter",
        "batchsql_memory_usage_bytes gauge", "batchsql_active_connections gauge",
        "batchsql_buffer_utilization gauge"}) {
    INFO(type);
    CHECK(exposed.find("# TYPE " + std::string(type) + "\n") != std::string::npos);
  }
}

TEST_CASE("Every series carries the environment where one is set") {
  SimulatedClock clock;
  Metrics metrics({"default", "staging", ""}, &clock);
  metrics.AddTarget(
      "sqlite", {[] { return 0U; }, [] { return false; }, [] { return EndedRows::Counts(); }, 1});
  metrics.AddPipeline("sqlite", "t");
  std::istringstream lines(metrics.Expose());
  int series = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    INFO(line);
    CHECK(line.find("env=\"staging\"") != std::string::npos);
    ++series;
  }
  CHECK(series > 11);
}

TEST_CASE_METHOD(MetricsTest, "A committed flush is counted, in rows and in milliseconds") {
  pipeline->FlushCommitted(100, 97, 12.5);
  CHECK(Of("batchsql_records_processed_total", kTable) == "97");
  CHECK(Of("batchsql_batch_success_total", kTable) == "1");
  CHECK(Of("batchsql_batch_size_sum", kTable) == "100");
  CHECK(Of("batchsql_batch_execution_duration_ms_sum", kTable) == "12.5");
}

TEST_CASE_METHOD(MetricsTest, "The integrity rate is that of the rows that ended in an hour") {
  CHECK(Of("batchsql_data_integrity_rate", kTarget) == "1");
  ended = {97, 3};
  CHECK(Of("batchsql_data_integrity_rate", kTarget) == "0.97");
}

TEST_CASE_METHOD(MetricsTest, "Rows per second are those of the last ten, and 0 when idle") {
  for (int i = 0; i < 30; ++i) {
    pipeline->FlushCommitted(500, 500, 1);
    clock.Advance(milliseconds(500));
  }
  const double rate = std::stod(Of("batchsql_current_rps", kTable));
  CHECK(rate == Approx(1000).epsilon(0.06));
  clock.Advance(milliseconds(510));
  pipeline->FlushCommitted(500, 500, 1);
  CHECK(std::stod(Of("batchsql_current_rps", kTable)) == Approx(1000).epsilon(0.06));
  clock.Advance(seconds(11));
  CHECK(Of("batchsql_current_rps", kTable) == "0");
}

TEST_CASE_METHOD(MetricsTest,
                 "The status page shows means of the last minute, and none when idle") {
  CHECK_FALSE(pipeline->recent().batch_rows.has_value());
  pipeline->FlushCommitted(100, 90, 30);
  pipeline->FlushCommitted(300, 300, 10);
  const std::vector<RowsLatency> latencies = {{100, 0.5}, {300, 0.1}};
  pipeline->RowsCommitted(latencies);
  const PipelineMetrics::Recent recent = pipeline->recent();
  CHECK(recent.rows_per_second == Approx(39));
  CHECK(recent.batch_rows.value() == Approx(200));
  CHECK(recent.flush_ms.value() == Approx(20));
  CHECK(recent.commit_ms.value() == Approx(200));
  clock.Advance(seconds(30));
  CHECK(pipeline->recent().rows_per_second == 0);
  CHECK(pipeline->recent().batch_rows.value() == Approx(200));
  clock.Advance(seconds(61));
  CHECK_FALSE(pipeline->recent().batch_rows.has_value());
  CHECK_FALSE(pipeline->recent().commit_ms.has_value());
}

TEST_CASE_METHOD(MetricsTest, "The error rate keeps its value while rows wait unattempted") {
  pipeline->AttemptFailed(AttemptReason::kTransient, milliseconds(3));
  pipeline->AttemptFailed(AttemptReason::kTransient, milliseconds(3));
  pipeline->ConnectFailed();
  pipeline->AttemptSucceeded(milliseconds(3));
  CHECK(Of("batchsql_batch_failed_total", kTable) == "3");
  CHECK(Of("batchsql_error_rate", kTarget) == "0.75");
  rows_wait = true;
  clock.Advance(seconds(120));
  CHECK(Of("batchsql_error_rate", kTarget) == "0.75");
  rows_wait = false;
  CHECK(Of("batchsql_error_rate", kTarget) == "0");
  pipeline->AttemptSucceeded(milliseconds(3));
  CHECK(Of("batchsql_error_rate", kTarget) == "0");
}

// The series of a pipeline with one more label; labels are sorted by name.
std::string Outcome(const std::string& outcome) {
  return "{database=\"pg\",outcome=\"" + outcome + "\",table=\"s.t\",test_name=\"load\"}";
}

TEST_CASE_METHOD(MetricsTest, "Attempts are counted by what became of them") {
  pipeline->AttemptSucceeded(milliseconds(4));
  pipeline->AttemptFailed(AttemptReason::kConnection, milliseconds(40));
  pipeline->ConnectFailed();
  pipeline->AttemptFailed(AttemptReason::kFatal, milliseconds(4));
  CHECK(Of("batchsql_flush_attempts_total", Outcome("success")) == "1");
  CHECK(Of("batchsql_flush_attempts_total", Outcome("retry:connection")) == "2");
  CHECK(Of("batchsql_flush_attempts_total", Outcome("final:fatal")) == "1");
  CHECK(Of("batchsql_flush_attempts_total", Outcome("retry:transient")) == "0");
  CHECK(Of("batchsql_flush_attempt_duration_seconds_count", kTable) == "3");
  CHECK(Of("batchsql_batch_failed_total", kTable) == "3");
}

TEST_CASE_METHOD(MetricsTest, "Latencies are of rows, though they are counted by request") {
  pipeline->RowsCommitted({{10, 0.004}, {5, 0.005}, {1, 4000}});
  const auto bucket = [this](const std::string& le) {
    return Of("batchsql_commit_latency_seconds_bucket",
              "{database=\"pg\",table=\"s.t\",test_name=\"load\",le=\"" + le + "\"}");
  };
  CHECK(bucket("0.002") == "0");
  CHECK(bucket("0.005") == "15");
  CHECK(bucket("3600") == "15");
  CHECK(bucket("+Inf") == "16");
}

TEST_CASE_METHOD(MetricsTest, "What Prometheus' own libraries tell of a process is told") {
  const std::string exposed = metrics.Expose();
  CHECK(std::stod(ValueOf(exposed, "process_resident_memory_bytes")) > 1e6);
  CHECK(std::stod(ValueOf(exposed, "process_start_time_seconds")) > 1.7e9);
  CHECK(std::stod(ValueOf(exposed, "process_open_fds")) >= 3);
  CHECK(std::stod(ValueOf(exposed, "process_max_fds")) > 3);
  CHECK_FALSE(ValueOf(exposed, "process_cpu_seconds_total").empty());
  CHECK(Of("batchsql_max_connections", "{database=\"pg\"}") == "5");
}

TEST_CASE("A prefix is put before our names, and only those") {
  MetricRegistry registry({"prod_", "production"});
  registry.AddCounter({"batchsql_things_total", "Things."}, {{"kind", "a"}}).Increment();
  registry.AddGauge({"process_things", "Things."}, {}).Set(2);
  const std::string exposed = registry.Expose();
  CHECK(ValueOf(exposed, "prod_batchsql_things_total{kind=\"a\",env=\"production\"}") == "1");
  CHECK(ValueOf(exposed, "process_things{env=\"production\"}") == "2");
}

TEST_CASE_METHOD(MetricsTest, "Gauges of a target are read when they are shown") {
  connections = 3;
  metrics.SetBufferProbe([] { return 0.25; });
  CHECK(Of("batchsql_active_connections", "{database=\"pg\"}") == "3");
  CHECK(Of("batchsql_buffer_utilization", kTarget) == "0.25");
}

TEST_CASE("Log lines are logfmt, and one line whatever they hold") {
  CHECK(FormatLogLine("table opened", {{"table", "events"}, {"rows", "5"}}) ==
        "msg=\"table opened\" table=events rows=5");
  CHECK(FormatLogLine("ok", {{"empty", ""}, {"equals", "a=b"}, {"quote", "a\"b\\c"}}) ==
        "msg=ok empty=\"\" equals=\"a=b\" quote=\"a\\\"b\\\\c\"");
  CHECK(FormatLogLine("ok", {{"forged", "x\nlevel=error\r\x1b[0m\x7f"}}) ==
        "msg=ok forged=\"x\\nlevel=error  [0m \"");
  CHECK(FormatLogLine("gr\xc3\xbcn", {}) == "msg=gr\xc3\xbcn");
}

TEST_CASE("Log levels are read by their names") {
  LogLevel level = LogLevel::kInfo;
  CHECK(ParseLogLevel("error", &level));
  CHECK(level == LogLevel::kError);
  CHECK(ParseLogLevel("debug", &level));
  CHECK(level == LogLevel::kDebug);
  CHECK_FALSE(ParseLogLevel("INFO", &level));
  CHECK(level == LogLevel::kDebug);
}

TEST_CASE_METHOD(MetricsTest, "A bad configuration shows until a good one was read") {
  const std::string name = "batchsql_config_last_reload_successful";
  CHECK(Of(name, "") == "1");
  metrics.SetReloadSuccessful(false);
  CHECK(Of(name, "") == "0");
  metrics.SetReloadSuccessful(true);
  CHECK(Of(name, "") == "1");
}

TEST_CASE_METHOD(MetricsTest, "A pipeline that comes back goes on with its series") {
  CHECK(metrics.AddPipeline("pg", "s.t") == pipeline);
  CHECK(metrics.AddPipeline("pg", "s.u") != pipeline);
}

}  // namespace
}  // namespace batchsql
