#include "core/batcher.h"

#include <iterator>
#include <utility>

namespace batchsql {

void Batcher::Add(QueuedBlock block) {
  rows_ += block.pending_rows();
  bytes_ += block.rows.size_bytes();
  queue_.push_back(std::move(block));
}

void Batcher::PutBack(std::vector<QueuedBlock> blocks) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    rows_ += block->pending_rows();
    bytes_ += block->rows.size_bytes();
    queue_.push_front(std::move(*block));
  }
}

bool Batcher::Due(TimePoint now) const {
  if (queue_.empty()) return false;
  return full() || now >= *due_at();
}

std::optional<TimePoint> Batcher::oldest() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front().accepted_at;
}

std::optional<Lsn> Batcher::lowest_lsn() const {
  std::optional<Lsn> lowest;
  for (const QueuedBlock& block : queue_) {
    if (!lowest.has_value() || block.first_lsn() < *lowest) lowest = block.first_lsn();
  }
  return lowest;
}

std::optional<TimePoint> Batcher::due_at() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front().accepted_at + limits_.linger;
}

Batch Batcher::Take(const TargetProducers* in_flight) {
  Batch batch;
  while (!queue_.empty() && batch.rows < limits_.rows_max && batch.bytes < limits_.bytes_max) {
    QueuedBlock& next = queue_.front();
    if (!batch.blocks.empty() &&
        (batch.schema != next.schema || next.first_lsn() != batch.last_lsn() + 1)) {
      break;
    }
    if (in_flight != nullptr && in_flight->IsHeld(next.answer.producer_id)) break;
    batch.schema = next.schema;
    batch.rows += next.rows.rows();
    batch.refused += next.letters.size();
    batch.deduplicated += next.deduplicated;
    batch.bytes += next.rows.size_bytes();
    batch.blocks.push_back(std::move(next));
    queue_.pop_front();
  }
  rows_ -= batch.pending_rows();
  bytes_ -= batch.bytes;
  return batch;
}

std::vector<QueuedBlock> Batcher::TakeAll() {
  std::vector<QueuedBlock> all(std::make_move_iterator(queue_.begin()),
                               std::make_move_iterator(queue_.end()));
  queue_.clear();
  rows_ = 0;
  bytes_ = 0;
  return all;
}

}  // namespace batchsql
