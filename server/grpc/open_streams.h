#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "core/mutex.h"

namespace batchsql {

// The streams under way, so that a daemon that stops can tell each of them. Thread-safe; outlives
// the streams, which remove themselves.
class OpenStreams {
 public:
  using Stop = std::function<void()>;

  // `stop` is called at most once, without a lock; at once when StopAll has been called. Returns
  // the number for Remove.
  uint64_t Add(Stop stop);
  void Remove(uint64_t number);
  void StopAll();

 private:
  Mutex mutex_;
  std::map<uint64_t, Stop> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql
