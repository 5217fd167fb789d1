#pragma once

#include <cstdint>

#include "core/clock.h"
#include "core/mutex.h"
#include "core/rolling_count.h"

namespace batchsql {

// What one target's pipelines did lately, for the gauges that are kept per database. Thread-safe.
class TargetActivity {
 public:
  explicit TargetActivity(Clock* clock) : clock_(clock) {}

  void AttemptMade(bool failed);

  // Failed attempts ÷ attempts over the last 60 s, 0–1. Without attempts: the value before when
  // rows wait, else 0.
  double ErrorRate(bool rows_wait);

 private:
  Clock* const clock_;
  Mutex mutex_;
  RollingCount attempts_ ABSL_GUARDED_BY(mutex_){std::chrono::seconds(60), 60};
  RollingCount failures_ ABSL_GUARDED_BY(mutex_){std::chrono::seconds(60), 60};
  double error_rate_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace batchsql
