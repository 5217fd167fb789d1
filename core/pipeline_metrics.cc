#include "core/pipeline_metrics.h"

#include <algorithm>
#include <chrono>

namespace batchsql {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// A flush takes from a fraction of a millisecond (SQLite) to minutes (backoff included).
const Buckets& DurationMsBuckets() {
  static const Buckets buckets = {1,   2,    5,    10,   20,     50,     100,   200,
                                  500, 1000, 2000, 5000, 10'000, 30'000, 60'000};
  return buckets;
}

const Buckets& BatchSizeBuckets() {
  static const Buckets buckets = {1,    10,   50,     100,    500,    1000,
                                  2000, 5000, 10'000, 20'000, 50'000, 100'000};
  return buckets;
}

// From a commit without linger to a database that was away for an hour.
const Buckets& CommitSecondsBuckets() {
  static const Buckets buckets = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
                                  1,     2,     5,     10,   30,   60,   300, 3600};
  return buckets;
}

const Buckets& AttemptSecondsBuckets() {
  static const Buckets buckets = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                  0.2,   0.5,   1,     2,    5,    10,   30};
  return buckets;
}

// fdatasync: a fraction of a millisecond on a preallocated file, seconds on a disk in trouble.
const Buckets& FsyncSecondsBuckets() {
  static const Buckets buckets = {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                  0.02,   0.05,   0.1,    0.2,   0.5,   1,     5};
  return buckets;
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::string_view OutcomeName(AttemptReason reason) {
  switch (reason) {
    case AttemptReason::kTransient:
      return "retry:transient";
    case AttemptReason::kConnection:
      return "retry:connection";
    case AttemptReason::kOrder:
      return "retry:order";
    case AttemptReason::kUnknown:
      return "retry:unknown";
    case AttemptReason::kPause:
      return "retry:pause";
    case AttemptReason::kDeadLetters:
      return "retry:dead_letters";
    case AttemptReason::kFenced:
      return "retry:fenced";
    case AttemptReason::kProducerMoved:
      return "retry:producer_moved";
    case AttemptReason::kInDoubt:
      return "final:in_doubt";
    case AttemptReason::kFatal:
      return "final:fatal";
  }
  return "";
}

PipelineMetrics::PipelineMetrics(MetricRegistry& registry, const prometheus::Labels& labels,
                                 Clock* clock, TargetActivity* target)
    : registry_(registry),
      labels_(labels),
      clock_(clock),
      target_(target),
      processed_(registry.AddCounter(
          {"batchsql_records_processed_total", "Rows committed in the target."}, labels)),
      flushes_(registry.AddCounter({"batchsql_batch_success_total", "Flushes committed."}, labels)),
      failed_(registry.AddCounter({"batchsql_batch_failed_total", "Flush attempts that failed."},
                                  labels)),
      current_rps_(registry.AddGauge(
          {"batchsql_current_rps", "Rows committed per second over the last 10 s."}, labels)),
      duration_ms_(registry.AddHistogram(
          {"batchsql_batch_execution_duration_ms",
           "One flush, first statement to commit, retries and backoff included, in milliseconds."},
          labels, DurationMsBuckets())),
      batch_size_(registry.AddHistogram({"batchsql_batch_size", "Rows in one flush."}, labels,
                                        BatchSizeBuckets())),
      commit_latency_(registry.AddHistogram(
          {"batchsql_commit_latency_seconds", "From a row's acceptance to its commit."}, labels,
          CommitSecondsBuckets())),
      attempt_duration_(registry.AddHistogram(
          {"batchsql_flush_attempt_duration_seconds",
           "One attempt at a flush, first statement to its end, whatever became of it."},
          labels, AttemptSecondsBuckets())),
      journal_fsync_(
          registry.AddHistogram({"batchsql_journal_fsync_seconds", "One fdatasync of the journal."},
                                labels, FsyncSecondsBuckets())),
      success_(Outcome("success")) {
  for (size_t i = 0; i < kAttemptReasons; ++i) {
    failures_.push_back(&Outcome(OutcomeName(static_cast<AttemptReason>(i))));
  }
}

prometheus::Counter& PipelineMetrics::Outcome(std::string_view outcome) {
  prometheus::Labels labels = labels_;
  labels.emplace("outcome", outcome);
  return registry_.AddCounter(
      {"batchsql_flush_attempts_total", "Attempts at a flush, by what became of them."}, labels);
}

void PipelineMetrics::FlushCommitted(uint64_t rows_in_flush, uint64_t committed,
                                     double duration_ms) {
  processed_.Increment(static_cast<double>(committed));
  flushes_.Increment();
  duration_ms_.Observe(duration_ms);
  batch_size_.Observe(static_cast<double>(rows_in_flush));
  MutexLock lock(mutex_);
  const TimePoint now = clock_->Now();
  recent_rows_.Add(now, committed);
  minute_flushes_.Add(now, 1);
  minute_rows_.Add(now, rows_in_flush);
  minute_flush_us_.Add(now, static_cast<uint64_t>(duration_ms * 1e3));
}

void PipelineMetrics::RowsCommitted(absl::Span<const RowsLatency> latencies) {
  const Buckets& bounds = CommitSecondsBuckets();
  std::vector<double> rows_in_bucket(bounds.size() + 1, 0);
  double sum = 0;
  for (const RowsLatency& latency : latencies) {
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), latency.seconds);
    const auto rows = static_cast<double>(latency.rows);
    rows_in_bucket[static_cast<size_t>(bucket - bounds.begin())] += rows;
    sum += rows * latency.seconds;
  }
  commit_latency_.ObserveMultiple(rows_in_bucket, sum);
  MutexLock lock(mutex_);
  minute_commit_us_.Add(clock_->Now(), static_cast<uint64_t>(sum * 1e6));
}

void PipelineMetrics::AttemptSucceeded(Duration duration) {
  success_.Increment();
  attempt_duration_.Observe(Seconds(duration));
  target_->AttemptMade(/*failed=*/false);
}

void PipelineMetrics::AttemptFailed(AttemptReason reason, Duration duration) {
  failures_[static_cast<size_t>(reason)]->Increment();
  attempt_duration_.Observe(Seconds(duration));
  failed_.Increment();
  target_->AttemptMade(/*failed=*/true);
}

void PipelineMetrics::ConnectFailed() {
  failures_[static_cast<size_t>(AttemptReason::kConnection)]->Increment();
  failed_.Increment();
  target_->AttemptMade(/*failed=*/true);
}

void PipelineMetrics::JournalSynced(Duration duration) {
  journal_fsync_.Observe(Seconds(duration));
}

PipelineMetrics::Recent PipelineMetrics::recent() {
  const TimePoint now = clock_->Now();
  Recent recent;
  MutexLock lock(mutex_);
  recent.rows_per_second = static_cast<double>(recent_rows_.Sum(now)) / 10.0;
  const auto flushes = static_cast<double>(minute_flushes_.Sum(now));
  const auto rows = static_cast<double>(minute_rows_.Sum(now));
  if (flushes == 0) return recent;
  recent.batch_rows = rows / flushes;
  recent.flush_ms = static_cast<double>(minute_flush_us_.Sum(now)) / flushes / 1e3;
  if (rows > 0) recent.commit_ms = static_cast<double>(minute_commit_us_.Sum(now)) / rows / 1e3;
  return recent;
}

void PipelineMetrics::Refresh() {
  MutexLock lock(mutex_);
  current_rps_.Set(static_cast<double>(recent_rows_.Sum(clock_->Now())) / 10.0);
}

}  // namespace batchsql
