#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/budget.h"
#include "core/clock.h"
#include "core/receipt.h"
#include "core/row_block.h"
#include "core/table_schema.h"

namespace batchsql {

// One request's rows on their way through a pipeline.
struct QueuedBlock {
  RowBlock rows;
  std::shared_ptr<const TableSchema> schema;  // that the rows were checked against
  Budget::Reservation memory;
  Receipt receipt;
  AckLevel level = AckLevel::kDatabase;  // that the client waits for
  TimePoint accepted_at;
  Lsn first_lsn = 0;  // of the block's first row; the others follow
  std::string producer_id;
  uint64_t sequence = 0;
  // Rows that no longer fit the table after it was altered; no longer in `rows`.
  std::vector<RowRejection> refused;
};

// Rows that are written by one flush: blocks in LSN order, of one schema.
struct Batch {
  std::shared_ptr<const TableSchema> schema;
  std::vector<QueuedBlock> blocks;
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

struct BatchLimits {
  uint64_t rows_max = 10'000;
  uint64_t bytes_max = uint64_t{8} << 20;
  Duration linger = std::chrono::milliseconds(20);
};

// The queue of a pipeline and the rule by which a batch closes: on rows, bytes or age. Pure: no
// thread, lock or clock inside; its owner guards it.
class Batcher {
 public:
  explicit Batcher(const BatchLimits& limits) : limits_(limits) {}

  void Add(QueuedBlock block);
  // Puts blocks back in front, as the next to be taken.
  void PutBack(std::vector<QueuedBlock> blocks);

  // A batch is due now.
  bool Due(TimePoint now) const;
  // When a batch will be due by age; nullopt when the queue is empty.
  std::optional<TimePoint> due_at() const;

  // The oldest blocks, up to the limits: at least one, and no more once rows_max or bytes_max is
  // reached. Stops where the schema changes. Empty when the queue is.
  Batch Take();

  bool empty() const { return queue_.empty(); }
  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }
  std::optional<TimePoint> oldest() const;

 private:
  const BatchLimits limits_;
  std::deque<QueuedBlock> queue_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace batchsql
