#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/batcher.h"

namespace batchsql {

// Climbs a ladder of settings towards the best rate, one step at a time: measures where it stands,
// tries the next rung, and comes back from one that is not better. What was tried in vain on both
// sides is tried again later and later. Pure.
class HillClimber {
 public:
  // A step up is kept when the rate is at least `up_factor` of what it was, one down with
  // `down_factor`.
  HillClimber(size_t rungs, size_t start, double up_factor, double down_factor)
      : rungs_(rungs), base_(start), up_factor_(up_factor), down_factor_(down_factor) {}

  size_t rung() const { return trial_.value_or(base_); }
  // The rate while the setting was that of rung().
  void Measured(double rate);
  // Forgets a trial under way: what was measured is no measure.
  void Abandon() { trial_.reset(); }
  // From now on only the lowest `rungs` ≥ 1 count. False: it stood on a higher one.
  bool Limit(size_t rungs);

 private:
  bool MayStep() const;
  void Reject();

  size_t rungs_;
  size_t base_;
  const double up_factor_;
  const double down_factor_;
  std::optional<size_t> trial_;
  double base_rate_ = 0;
  bool up_ = true;         // where the next trial goes
  uint32_t rejected_ = 0;  // trials in a row
  uint32_t epochs_to_rest_ = 0;
};

// Finds the batch size and the linger that bring the most rows per second into the table, within
// the limits: `rows_max` is the largest batch, and `linger` the time that rows may take which do
// not fill one, from their acceptance to their commit. While batches close because they are full,
// their size is tuned; while they close by age, the linger, of which the longer one is kept where
// both do equally well, as it costs the database less. Never both in one epoch. Pure: its owner
// guards it and tells the time.
class BatchTuner {
 public:
  explicit BatchTuner(const BatchLimits& limits);

  uint64_t rows_max() const { return sizes_[size_.rung()]; }
  Duration linger() const { return lingers_[linger_.rung()]; }

  struct Flushed {
    uint64_t rows = 0;
    uint64_t bytes = 0;
    bool undisturbed = true;  // by the first attempt, with no row refused
    TimePoint started{};      // when the batch was closed
    TimePoint committed{};
  };
  void Committed(const Flushed& flushed);

 private:
  struct Epoch {
    TimePoint begun;
    TimePoint last;
    uint32_t flushes = 0;
    uint32_t full = 0;
    uint64_t rows = 0;
    Duration flushing{};  // of all its flushes together
    bool disturbed = false;
  };

  void EndEpoch(TimePoint now);
  size_t LingersWithin(Duration flush) const;

  const uint64_t bytes_max_;
  const Duration latency_max_;
  const std::vector<uint64_t> sizes_;
  const std::vector<Duration> lingers_;
  HillClimber size_;
  HillClimber linger_;
  std::optional<Epoch> epoch_;
};

}  // namespace batchsql
