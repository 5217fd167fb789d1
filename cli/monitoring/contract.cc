#include "cli/monitoring/contract.h"

namespace batchsql::cli {
namespace {

constexpr ContractMetric kMetrics[] = {
    {"batchsql_active_connections", MetricType::kGauge, false, false},
    {"batchsql_batch_execution_duration_ms", MetricType::kHistogram, true, false},
    {"batchsql_batch_failed_total", MetricType::kCounter, true, false},
    {"batchsql_batch_linger_seconds", MetricType::kGauge, true, false},
    {"batchsql_batch_size", MetricType::kHistogram, true, false},
    {"batchsql_batch_success_total", MetricType::kCounter, true, false},
    {"batchsql_batch_target_rows", MetricType::kGauge, true, false},
    {"batchsql_buffer_utilization", MetricType::kGauge, false, true},
    {"batchsql_build_info", MetricType::kGauge, false, false},
    {"batchsql_commit_latency_seconds", MetricType::kHistogram, true, false},
    {"batchsql_config_last_reload_successful", MetricType::kGauge, false, true},
    {"batchsql_current_rps", MetricType::kGauge, true, false},
    {"batchsql_data_integrity_rate", MetricType::kGauge, false, true},
    {"batchsql_dead_letters", MetricType::kGauge, true, false},
    {"batchsql_error_rate", MetricType::kGauge, false, true},
    {"batchsql_flush_attempt_duration_seconds", MetricType::kHistogram, true, false},
    {"batchsql_flush_attempts_total", MetricType::kCounter, true, false},
    {"batchsql_grpc_requests_total", MetricType::kCounter, false, false},
    {"batchsql_grpc_streams", MetricType::kGauge, false, false},
    {"batchsql_http_requests_total", MetricType::kCounter, false, false},
    {"batchsql_inflight_flushes", MetricType::kGauge, true, false},
    {"batchsql_journal_bytes", MetricType::kGauge, true, false},
    {"batchsql_journal_fsync_seconds", MetricType::kHistogram, true, false},
    {"batchsql_journal_limit_bytes", MetricType::kGauge, true, false},
    {"batchsql_journal_segments", MetricType::kGauge, true, false},
    {"batchsql_max_connections", MetricType::kGauge, false, false},
    {"batchsql_memory_usage_bytes", MetricType::kGauge, false, false},
    {"batchsql_oldest_unflushed_row_age_seconds", MetricType::kGauge, true, false},
    {"batchsql_pipeline_at_least_once", MetricType::kGauge, true, false},
    {"batchsql_pipeline_state", MetricType::kGauge, true, true},
    {"batchsql_queue_bytes", MetricType::kGauge, true, false},
    {"batchsql_queue_rows", MetricType::kGauge, true, false},
    {"batchsql_received_bytes_total", MetricType::kCounter, false, false},
    {"batchsql_records_processed_total", MetricType::kCounter, true, false},
    {"batchsql_requests_skipped_total", MetricType::kCounter, true, false},
    {"batchsql_rows_coalesced_total", MetricType::kCounter, true, false},
    {"batchsql_rows_dead_lettered_total", MetricType::kCounter, true, false},
    {"batchsql_rows_deduplicated_total", MetricType::kCounter, true, false},
    {"batchsql_rows_lost_total", MetricType::kCounter, true, false},
    {"batchsql_rows_received_total", MetricType::kCounter, true, false},
    {"batchsql_rows_recovered_total", MetricType::kCounter, true, false},
    {"batchsql_rows_rejected_total", MetricType::kCounter, true, false},
    {"batchsql_rows_replayed_total", MetricType::kCounter, true, false},
    {"process_cpu_seconds_total", MetricType::kCounter, false, false},
    {"process_max_fds", MetricType::kGauge, false, false},
    {"process_open_fds", MetricType::kGauge, false, false},
    {"process_resident_memory_bytes", MetricType::kGauge, false, false},
    {"process_start_time_seconds", MetricType::kGauge, false, false},
    {"process_threads", MetricType::kGauge, false, false},
    {"process_virtual_memory_bytes", MetricType::kGauge, false, false},
};

const ContractMetric* Find(std::string_view name) {
  for (const ContractMetric& metric : kMetrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

bool IsPartOfHistogram(std::string_view name) {
  for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(part)) continue;
    const ContractMetric* const whole = Find(name.substr(0, name.size() - part.size()));
    if (whole != nullptr && whole->type == MetricType::kHistogram) return true;
  }
  return false;
}

}  // namespace

absl::Span<const ContractMetric> ContractMetrics() { return kMetrics; }

const char* MetricTypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "";
}

bool TakesPrefix(std::string_view name) { return name.starts_with("batchsql_"); }

bool IsContractSeries(std::string_view name) {
  return Find(name) != nullptr || IsPartOfHistogram(name);
}

}  // namespace batchsql::cli
