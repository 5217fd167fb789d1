#include "core/target_activity.h"

namespace batchsql {

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

}  // namespace batchsql
