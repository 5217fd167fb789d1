#include "core/metrics.h"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <fstream>
#include <utility>

namespace batchsql {
namespace {

// A flush takes from a fraction of a millisecond (SQLite) to minutes (backoff included).
const prometheus::Histogram::BucketBoundaries kDurationMsBuckets = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10'000, 30'000, 60'000};
const prometheus::Histogram::BucketBoundaries kBatchSizeBuckets = {
    1, 10, 50, 100, 500, 1000, 2000, 5000, 10'000, 20'000, 50'000, 100'000};

// Resident memory of this process, from /proc/self/statm (proc(5)); 0 when it cannot be read.
double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return static_cast<double>(resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

template <typename Builder>
auto& Register(prometheus::Registry& registry, Builder builder, const char* name, const char* help,
               const std::string& environment) {
  prometheus::Labels labels;
  if (!environment.empty()) labels.emplace("env", environment);
  return builder.Name(name).Help(help).Labels(labels).Register(registry);
}

}  // namespace

void TargetActivity::AttemptMade(bool failed) {
  MutexLock lock(mutex_);
  attempts_.Add(clock_->Now(), 1);
  if (failed) failures_.Add(clock_->Now(), 1);
}

double TargetActivity::ErrorRate(bool rows_wait) {
  MutexLock lock(mutex_);
  const uint64_t attempts = attempts_.Sum(clock_->Now());
  if (attempts > 0) {
    error_rate_ = static_cast<double>(failures_.Sum(clock_->Now())) / static_cast<double>(attempts);
  } else if (!rows_wait) {
    error_rate_ = 0;
  }
  return error_rate_;
}

void PipelineMetrics::FlushCommitted(uint64_t rows_in_flush, uint64_t committed,
                                     double duration_ms) {
  processed_->Increment(static_cast<double>(committed));
  flushes_->Increment();
  duration_ms_->Observe(duration_ms);
  batch_size_->Observe(static_cast<double>(rows_in_flush));
  MutexLock lock(mutex_);
  recent_rows_.Add(clock_->Now(), committed);
}

void PipelineMetrics::AttemptSucceeded() { target_->AttemptMade(/*failed=*/false); }

void PipelineMetrics::AttemptFailed() {
  failed_->Increment();
  target_->AttemptMade(/*failed=*/true);
}

void PipelineMetrics::Refresh() {
  MutexLock lock(mutex_);
  current_rps_->Set(static_cast<double>(recent_rows_.Sum(clock_->Now())) / 10.0);
}

Metrics::Metrics(const Options& options, Clock* clock)
    : options_(options),
      clock_(clock),
      processed_(Register(registry_, prometheus::BuildCounter(), "batchsql_records_processed_total",
                          "Rows committed in the target.", options.environment)),
      flushes_(Register(registry_, prometheus::BuildCounter(), "batchsql_batch_success_total",
                        "Flushes committed.", options.environment)),
      failed_(Register(registry_, prometheus::BuildCounter(), "batchsql_batch_failed_total",
                       "Flush attempts that failed.", options.environment)),
      current_rps_(Register(registry_, prometheus::BuildGauge(), "batchsql_current_rps",
                            "Rows committed per second over the last 10 s.", options.environment)),
      duration_ms_(Register(registry_, prometheus::BuildHistogram(),
                            "batchsql_batch_execution_duration_ms",
                            "One flush, first statement to commit, retries and backoff included, "
                            "in milliseconds.",
                            options.environment)),
      batch_size_(Register(registry_, prometheus::BuildHistogram(), "batchsql_batch_size",
                           "Rows in one flush.", options.environment)),
      integrity_(Register(registry_, prometheus::BuildGauge(), "batchsql_data_integrity_rate",
                          "Of the rows that ended in the last hour, the share that was committed, "
                          "0 to 1.",
                          options.environment)),
      error_rate_(Register(registry_, prometheus::BuildGauge(), "batchsql_error_rate",
                           "Failed flush attempts divided by attempts over the last 60 s, 0 to 1.",
                           options.environment)),
      memory_(Register(registry_, prometheus::BuildGauge(), "batchsql_memory_usage_bytes",
                       "Resident memory of the daemon, the same under each target.",
                       options.environment)),
      connections_(Register(registry_, prometheus::BuildGauge(), "batchsql_active_connections",
                            "Connections open to the target.", options.environment)),
      buffer_(Register(registry_, prometheus::BuildGauge(), "batchsql_buffer_utilization",
                       "Buffered bytes divided by the buffer's limit, 0 to 1.",
                       options.environment)) {}

prometheus::Labels Metrics::TargetLabels(const std::string& database) const {
  return {{"database", database}, {"test_name", options_.test_name}};
}

prometheus::Labels Metrics::PipelineLabels(const std::string& database,
                                           const std::string& table) const {
  return {{"database", database}, {"table", table}, {"test_name", options_.test_name}};
}

void Metrics::AddTarget(const std::string& database, TargetProbe probe) {
  MutexLock lock(mutex_);
  TargetSeries& series = targets_[database];
  series.activity = std::make_unique<TargetActivity>(clock_);
  series.probe = std::move(probe);
  series.integrity = &integrity_.Add(TargetLabels(database), 1);
  series.error_rate = &error_rate_.Add(TargetLabels(database));
  series.memory = &memory_.Add(TargetLabels(database));
  series.buffer = &buffer_.Add(TargetLabels(database));
  series.connections = &connections_.Add({{"database", database}});
}

PipelineMetrics* Metrics::AddPipeline(const std::string& database, const std::string& table) {
  MutexLock lock(mutex_);
  const prometheus::Labels labels = PipelineLabels(database, table);
  std::unique_ptr<PipelineMetrics> metrics(
      new PipelineMetrics(clock_, targets_.at(database).activity.get()));
  metrics->processed_ = &processed_.Add(labels);
  metrics->flushes_ = &flushes_.Add(labels);
  metrics->failed_ = &failed_.Add(labels);
  metrics->current_rps_ = &current_rps_.Add(labels);
  metrics->duration_ms_ = &duration_ms_.Add(labels, kDurationMsBuckets);
  metrics->batch_size_ = &batch_size_.Add(labels, kBatchSizeBuckets);
  pipelines_.push_back(std::move(metrics));
  return pipelines_.back().get();
}

void Metrics::SetBufferProbe(std::function<double()> probe) {
  MutexLock lock(mutex_);
  buffer_probe_ = std::move(probe);
}

// The probes take locks of their own, so they are called without ours. Series are never removed.
void Metrics::Refresh() {
  std::vector<PipelineMetrics*> pipelines;
  std::vector<TargetSeries*> targets;
  std::function<double()> buffer_probe;
  {
    MutexLock lock(mutex_);
    for (const auto& pipeline : pipelines_) pipelines.push_back(pipeline.get());
    for (auto& [database, series] : targets_) targets.push_back(&series);
    buffer_probe = buffer_probe_;
  }
  for (PipelineMetrics* pipeline : pipelines) pipeline->Refresh();
  const double memory = ResidentBytes();
  const double buffer = buffer_probe ? buffer_probe() : 0;
  for (TargetSeries* series : targets) {
    series->integrity->Set(series->probe.ended().IntegrityRate());
    series->error_rate->Set(series->activity->ErrorRate(series->probe.rows_wait()));
    series->memory->Set(memory);
    series->buffer->Set(buffer);
    series->connections->Set(series->probe.connections());
  }
}

std::string Metrics::Expose() {
  Refresh();
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace batchsql
