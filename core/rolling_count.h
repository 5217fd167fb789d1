#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace batchsql {

// A sum over the last `window` of time, in steps of window ÷ buckets. Not thread-safe.
class RollingCount {
 public:
  RollingCount(Duration window, size_t buckets)
      : step_(window / static_cast<Duration::rep>(buckets)), counts_(buckets, 0) {}

  void Add(TimePoint now, uint64_t count) {
    Advance(now);
    counts_[static_cast<size_t>(last_step_) % counts_.size()] += count;
  }

  uint64_t Sum(TimePoint now) {
    Advance(now);
    uint64_t sum = 0;
    for (uint64_t count : counts_) sum += count;
    return sum;
  }

 private:
  void Advance(TimePoint now) {
    const int64_t step = now.time_since_epoch() / step_;
    const auto size = static_cast<int64_t>(counts_.size());
    if (step - last_step_ >= size) {
      counts_.assign(counts_.size(), 0);
    } else {
      for (int64_t s = last_step_ + 1; s <= step; ++s) counts_[static_cast<size_t>(s % size)] = 0;
    }
    last_step_ = step > last_step_ ? step : last_step_;
  }

  Duration step_;
  std::vector<uint64_t> counts_;
  int64_t last_step_ = 0;
};

}  // namespace batchsql
