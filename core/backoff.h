#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "core/clock.h"

namespace batchsql {

// Exponential backoff with full jitter: the n-th wait is uniform in [0, min(max, base × 2^n]).
// (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.) Not thread-safe.
class Backoff {
 public:
  Backoff(Duration base, Duration max, uint64_t seed) : base_(base), max_(max), random_(seed) {}

  Duration Next() {
    const Duration ceiling = std::min(max_, base_ * (int64_t{1} << std::min(attempt_, 20)));
    ++attempt_;
    return Duration(std::uniform_int_distribution<int64_t>(0, ceiling.count())(random_));
  }

  void Reset() { attempt_ = 0; }

 private:
  Duration base_;
  Duration max_;
  int attempt_ = 0;
  std::mt19937_64 random_;
};

}  // namespace batchsql
