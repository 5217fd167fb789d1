#include "core/flush_window.h"

#include <algorithm>
#include <utility>

namespace batchsql {

FlushWindow::FlushWindow(std::vector<SlotRow> slots) {
  for (const SlotRow& row : slots) frontier_ = std::max(frontier_, row.frontier);
  for (SlotRow& row : slots) {
    if (row.to > 0) Add(row.from, row.to);
    slots_.push_back({std::move(row), false});
  }
}

// Keeps islands_ free of what the frontier has reached. Ranges are disjoint, but those of slots may
// lie below the frontier.
void FlushWindow::Add(Lsn from, Lsn to) {
  if (to <= frontier_) return;
  islands_.emplace(from, to);
  while (!islands_.empty() && islands_.begin()->first <= frontier_ + 1) {
    frontier_ = std::max(frontier_, islands_.begin()->second);
    islands_.erase(islands_.begin());
  }
}

Lsn FlushWindow::FirstNotCommitted(Lsn lsn) const {
  lsn = std::max(lsn, frontier_ + 1);
  for (const auto& [from, to] : islands_) {
    if (from > lsn) break;
    if (to >= lsn) lsn = to + 1;
  }
  return lsn;
}

bool FlushWindow::IsCommitted(Lsn lsn) const { return FirstNotCommitted(lsn) != lsn; }

Lsn FlushWindow::RunEnd(Lsn lsn) const {
  const auto next = islands_.lower_bound(lsn);
  return next == islands_.end() ? kNoLsn : next->first - 1;
}

std::optional<uint32_t> FlushWindow::FreeSlot() const {
  for (const Slot& slot : slots_) {
    if (!slot.busy && slot.row.to <= frontier_) return slot.row.slot;
  }
  return std::nullopt;
}

FlushWindow::Slot& FlushWindow::SlotOf(const SlotMove& move) {
  return *std::find_if(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.row.slot == move.before.slot;
  });
}

SlotMove FlushWindow::Begin(const Uuid& pipeline, uint32_t slot, Lsn from, Lsn to,
                            uint64_t attempt) {
  SlotMove move{pipeline, {}, {}};
  move.before.slot = slot;
  Slot& taken = SlotOf(move);
  taken.busy = true;
  move.before = taken.row;
  move.after = taken.row;
  move.after.from = from;
  move.after.to = to;
  move.after.frontier = frontier_;
  move.after.attempt = attempt;
  return move;
}

void FlushWindow::Committed(const SlotMove& move) {
  Slot& slot = SlotOf(move);
  slot.row = move.after;
  slot.busy = false;
  Add(move.after.from, move.after.to);
}

void FlushWindow::GiveUp(const SlotMove& move) { SlotOf(move).busy = false; }

}  // namespace batchsql
