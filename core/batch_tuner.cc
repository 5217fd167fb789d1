#include "core/batch_tuner.h"

#include <algorithm>
#include <chrono>

namespace batchsql {
namespace {

// An epoch lasts until both have passed. Flushes of one size differ, and fsync most of all.
constexpr uint32_t kEpochFlushes = 8;
constexpr Duration kEpochTime = std::chrono::milliseconds(100);
// No batch was closed for so long after the last commit: the rate says nothing about the setting.
constexpr Duration kIdleTime = std::chrono::milliseconds(500);

constexpr uint64_t kSmallestBatch = 625;
constexpr uint64_t kFirstBatch = 10'000;
constexpr Duration kShortestLinger = std::chrono::microseconds(250);

// Better by more than noise.
constexpr double kBetter = 1.05;
// No worse than by noise.
constexpr double kNoWorse = 0.97;
constexpr uint32_t kRestDoublingsMax = 6;

// 625, 1250, … up to the limit, which is the last.
std::vector<uint64_t> Sizes(uint64_t rows_max) {
  std::vector<uint64_t> sizes;
  for (uint64_t rows = kSmallestBatch; rows < rows_max; rows *= 2) sizes.push_back(rows);
  sizes.push_back(rows_max);
  return sizes;
}

// 0, 250 µs, 1 ms, 4 ms, … up to the limit, which is the last.
std::vector<Duration> Lingers(Duration linger_max) {
  std::vector<Duration> lingers = {Duration(0)};
  for (Duration linger = kShortestLinger; linger < linger_max; linger *= 4) {
    lingers.push_back(linger);
  }
  if (linger_max > Duration(0)) lingers.push_back(linger_max);
  return lingers;
}

size_t FirstSize(const std::vector<uint64_t>& sizes) {
  const auto found = std::lower_bound(sizes.begin(), sizes.end(), kFirstBatch);
  return std::min<size_t>(found - sizes.begin(), sizes.size() - 1);
}

}  // namespace

void HillClimber::Measured(double rate) {
  if (!trial_.has_value()) {
    base_rate_ = rate;
    if (epochs_to_rest_ > 0) {
      --epochs_to_rest_;
      return;
    }
  } else if (rate >= base_rate_ * (up_ ? up_factor_ : down_factor_)) {
    base_ = *trial_;
    base_rate_ = rate;
    rejected_ = 0;
    trial_.reset();
  } else {
    Reject();
    return;  // the next epoch measures the base again
  }
  if (!MayStep()) up_ = !up_;
  if (MayStep()) trial_ = up_ ? base_ + 1 : base_ - 1;
}

bool HillClimber::Limit(size_t rungs) {
  rungs_ = rungs;
  const bool stands = rung() < rungs_;
  if (trial_.has_value() && !stands) trial_.reset();
  base_ = std::min(base_, rungs_ - 1);
  return stands;
}

bool HillClimber::MayStep() const { return up_ ? base_ + 1 < rungs_ : base_ > 0; }

void HillClimber::Reject() {
  trial_.reset();
  up_ = !up_;
  ++rejected_;
  // One trial to each side goes without a rest.
  if (rejected_ >= 2) epochs_to_rest_ = 1U << std::min(rejected_, kRestDoublingsMax);
}

BatchTuner::BatchTuner(const BatchLimits& limits)
    : bytes_max_(limits.bytes_max),
      latency_max_(limits.linger),
      sizes_(Sizes(limits.rows_max)),
      lingers_(Lingers(limits.linger)),
      size_(sizes_.size(), FirstSize(sizes_), kBetter, kBetter),
      linger_(lingers_.size(), 0, kNoWorse, kBetter) {}

void BatchTuner::Committed(const Flushed& flushed) {
  const TimePoint now = flushed.committed;
  if (!epoch_.has_value() || flushed.started - epoch_->last > kIdleTime + linger()) {
    size_.Abandon();
    linger_.Abandon();
    epoch_ = Epoch{now, now};
    return;
  }
  ++epoch_->flushes;
  epoch_->rows += flushed.rows;
  epoch_->flushing += now - flushed.started;
  if (flushed.rows >= rows_max() || flushed.bytes >= bytes_max_) ++epoch_->full;
  epoch_->disturbed |= !flushed.undisturbed;
  epoch_->last = now;
  if (epoch_->flushes >= kEpochFlushes && now - epoch_->begun >= kEpochTime) EndEpoch(now);
}

void BatchTuner::EndEpoch(TimePoint now) {
  const Epoch ended = *epoch_;
  epoch_ = Epoch{now, now};
  if (ended.disturbed) return;
  const bool is_full = ended.full * 2 > ended.flushes;
  (is_full ? linger_ : size_).Abandon();
  if (!is_full && !linger_.Limit(LingersWithin(ended.flushing / ended.flushes))) return;
  const std::chrono::duration<double> seconds = now - ended.begun;
  (is_full ? size_ : linger_).Measured(static_cast<double>(ended.rows) / seconds.count());
}

// Rows may come when a batch was just closed: they wait for the linger, for that flush and for
// their own. At least the shortest.
size_t BatchTuner::LingersWithin(Duration flush) const {
  size_t lingers = 1;
  while (lingers < lingers_.size() && lingers_[lingers] + 3 * flush <= latency_max_) ++lingers;
  return lingers;
}

}  // namespace batchsql
