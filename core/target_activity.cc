#include "core/target_activity.h"

namespace batchsql {

void TargetActivity::AttemptMade(bool failed) {
  MutexLock lock(mutex_);
  attempts_.Add(clock_->Now(), 1);
  if (failed) failures_.Add(clock_->Now(), 1);
}

void TargetActivity::RowsEnded(uint64_t committed, uint64_t refused_or_lost) {
  MutexLock lock(mutex_);
  committed_.Add(clock_->Now(), committed);
  others_.Add(clock_->Now(), refused_or_lost);
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

double TargetActivity::IntegrityRate() {
  MutexLock lock(mutex_);
  const auto committed = static_cast<double>(committed_.Sum(clock_->Now()));
  const double ended = committed + static_cast<double>(others_.Sum(clock_->Now()));
  return ended == 0 ? 1 : committed / ended;
}

}  // namespace batchsql
