#pragma once

#include "core/mutex.h"
#include "server/decode/row_source.h"

namespace batchsql {

// The limits of requests, which a new configuration may change while requests come. Thread-safe;
// outlives the front ends.
class LiveLimits {
 public:
  explicit LiveLimits(const RequestLimits& limits) : limits_(limits) {}

  RequestLimits Get() const {
    MutexLock lock(mutex_);
    return limits_;
  }
  void Set(const RequestLimits& limits) {
    MutexLock lock(mutex_);
    limits_ = limits;
  }

 private:
  mutable Mutex mutex_;
  RequestLimits limits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
