#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/clock.h"
#include "core/metric_registry.h"
#include "core/mutex.h"
#include "core/rolling_count.h"
#include "core/target_activity.h"

namespace batchsql {

// Why an attempt at a flush failed. Label `outcome` says it as `retry:transient`, or as
// `final:fatal` where no other attempt follows by itself.
enum class AttemptReason : uint8_t {
  kTransient,      // deadlock, lock time-out, serialization, busy
  kConnection,     // the connection was lost or could not be made
  kOrder,          // rows refer to rows that may come later
  kUnknown,        // a code that is not in the table
  kPause,          // a person must mend something in the database
  kDeadLetters,    // refused rows cannot be kept
  kInDoubt,        // nobody could tell whether the transaction committed
  kFenced,         // another daemon has claimed the pipeline, or the target was restored
  kProducerMoved,  // another daemon has committed requests of the same producer
  kFatal,          // the pipeline stopped
};
inline constexpr size_t kAttemptReasons = 10;
std::string_view OutcomeName(AttemptReason reason);

// The time from acceptance to commit of some rows.
struct RowsLatency {
  uint64_t rows = 0;
  double seconds = 0;
};

// The series of one pipeline that are counted as things happen: once per flush, never per row. What
// the pipeline counts anyway is read by PipelineCollector. Thread-safe.
class PipelineMetrics {
 public:
  // `target` is what the pipeline's database did lately; it and the registry must outlive this.
  PipelineMetrics(MetricRegistry& registry, const prometheus::Labels& labels, Clock* clock,
                  TargetActivity* target);

  void FlushCommitted(uint64_t rows_in_flush, uint64_t committed, double duration_ms);
  void RowsCommitted(absl::Span<const RowsLatency> latencies);
  void AttemptSucceeded(Duration duration);
  void AttemptFailed(AttemptReason reason, Duration duration);
  // The target could not be reached to open the table or claim the pipeline.
  void ConnectFailed();
  void JournalSynced(Duration duration);

  // Sets the gauges that depend on the time.
  void Refresh();

  // What the status page shows; means are of the last minute, and absent where nothing was flushed.
  struct Recent {
    double rows_per_second = 0;  // committed, of the last 10 s
    std::optional<double> batch_rows;
    std::optional<double> flush_ms;
    std::optional<double> commit_ms;  // of rows, from acceptance
  };
  Recent recent();

 private:
  prometheus::Counter& Outcome(std::string_view outcome);

  MetricRegistry& registry_;
  const prometheus::Labels labels_;
  Clock* const clock_;
  TargetActivity* const target_;
  prometheus::Counter& processed_;
  prometheus::Counter& flushes_;
  prometheus::Counter& failed_;
  prometheus::Gauge& current_rps_;
  prometheus::Histogram& duration_ms_;
  prometheus::Histogram& batch_size_;
  prometheus::Histogram& commit_latency_;
  prometheus::Histogram& attempt_duration_;
  prometheus::Histogram& journal_fsync_;
  prometheus::Counter& success_;
  std::vector<prometheus::Counter*> failures_;  // by AttemptReason

  Mutex mutex_;
  RollingCount recent_rows_ ABSL_GUARDED_BY(mutex_){std::chrono::seconds(10), 100};
  RollingCount minute_flushes_ ABSL_GUARDED_BY(mutex_){std::chrono::minutes(1), 60};
  RollingCount minute_rows_ ABSL_GUARDED_BY(mutex_){std::chrono::minutes(1), 60};
  RollingCount minute_flush_us_ ABSL_GUARDED_BY(mutex_){std::chrono::minutes(1), 60};
  RollingCount minute_commit_us_ ABSL_GUARDED_BY(mutex_){std::chrono::minutes(1), 60};  // of rows
};

}  // namespace batchsql
