#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace batchsql {

// What came of the last try to read the configuration; the start is the first. Written by whoever
// reloads, read by the front ends, which it outlives. Thread-safe.
class LastReload {
 public:
  struct Outcome {
    std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
    std::string error;                      // empty: successful
    std::vector<std::string> ignored_keys;  // whose new values wait for a restart
  };

  Outcome Get() const {
    MutexLock lock(mutex_);
    return outcome_;
  }
  void Set(Outcome outcome) {
    MutexLock lock(mutex_);
    outcome_ = std::move(outcome);
  }

 private:
  mutable Mutex mutex_;
  Outcome outcome_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
