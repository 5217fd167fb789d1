#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/queued_block.h"
#include "core/target_producers.h"

namespace batchsql {

// Rows that are written by one flush: blocks of consecutive LSNs, of one schema.
struct Batch {
  std::shared_ptr<const TableSchema> schema;
  std::vector<QueuedBlock> blocks;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t refused = 0;       // rows that no longer fit the table; not in `rows`
  uint64_t deduplicated = 0;  // rows that are in the table already; not in `rows`

  uint64_t pending_rows() const { return rows + refused + deduplicated; }
  Lsn first_lsn() const { return blocks.front().first_lsn(); }
  Lsn last_lsn() const { return blocks.back().last_lsn(); }
};

struct BatchLimits {
  uint64_t rows_max = 10'000;
  uint64_t bytes_max = uint64_t{8} << 20;
  Duration linger = std::chrono::milliseconds(20);
  bool tuned = false;  // rows_max and linger are found by a BatchTuner; these are the most it takes

  bool operator==(const BatchLimits&) const = default;
};

// The queue of a pipeline and the rule by which a batch closes: on rows, bytes or age. Pure: no
// thread, lock or clock inside; its owner guards it.
class Batcher {
 public:
  explicit Batcher(const BatchLimits& limits) : limits_(limits) {}

  // From now on.
  void SetLimits(uint64_t rows_max, Duration linger) {
    limits_.rows_max = rows_max;
    limits_.linger = linger;
  }
  const BatchLimits& limits() const { return limits_; }

  void Add(QueuedBlock block);
  // Puts blocks back in front, as the next to be taken.
  void PutBack(std::vector<QueuedBlock> blocks);

  // There are rows or bytes for a whole batch.
  bool full() const { return rows_ >= limits_.rows_max || bytes_ >= limits_.bytes_max; }
  // A batch is due now.
  bool Due(TimePoint now) const;
  // When a batch will be due by age; nullopt when the queue is empty.
  std::optional<TimePoint> due_at() const;

  // The oldest blocks, up to the limits: at least one, and no more once rows_max or bytes_max is
  // reached. Stops where the schema changes or LSNs are missing, and before a request whose
  // producer is held by a flush: empty when that is the first, or when the queue is.
  Batch Take(const TargetProducers* in_flight = nullptr);
  // Everything that waits, in order.
  std::vector<QueuedBlock> TakeAll();

  bool empty() const { return queue_.empty(); }
  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }
  std::optional<TimePoint> oldest() const;
  // Of all that waits. Looks at every block.
  std::optional<Lsn> lowest_lsn() const;

 private:
  BatchLimits limits_;
  std::deque<QueuedBlock> queue_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace batchsql
