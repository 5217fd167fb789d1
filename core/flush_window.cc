#include "core/flush_window.h"

#include <algorithm>

namespace batchsql {

FlushWindow::FlushWindow(const std::vector<SlotRow>& slots) {
  for (const SlotRow& row : slots) frontier_ = std::max(frontier_, row.frontier);
  for (const SlotRow& row : slots) {
    if (row.to > 0) Add(row.from, row.to);
    slots_.push_back({row});
  }
}

// Keeps islands_ free of what the frontier has reached. Ranges are disjoint, but those of slots may
// lie below the frontier.
void FlushWindow::Add(Lsn from, Lsn to) {
  if (to <= frontier_) return;
  islands_.emplace(from, to);
  Absorb();
}

void FlushWindow::Absorb() {
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

void FlushWindow::GiveUpBefore(Lsn lsn) {
  frontier_ = std::max(frontier_, lsn - 1);
  Absorb();
}

SlotTotals FlushWindow::totals() const {
  SlotTotals totals;
  for (const Slot& slot : slots_) totals += slot.row.totals;
  return totals;
}

uint64_t FlushWindow::CountNotCommitted(Lsn from, Lsn to) const {
  from = std::max(from, frontier_ + 1);
  if (from > to) return 0;
  uint64_t count = to - from + 1;
  for (const auto& [island_from, island_to] : islands_) {
    const Lsn begin = std::max(from, island_from);
    const Lsn end = std::min(to, island_to);
    if (begin <= end) count -= end - begin + 1;
  }
  return count;
}

bool FlushWindow::IsFree(const Slot& slot) const { return !slot.taken && slot.row.to <= frontier_; }

bool FlushWindow::HasFreeSlot() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [this](const Slot& slot) { return IsFree(slot); });
}

uint32_t FlushWindow::TakeSlot() {
  const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                 [this](const Slot& candidate) { return IsFree(candidate); });
  slot->taken = true;
  return slot->row.slot;
}

FlushWindow::Slot& FlushWindow::Find(uint32_t slot) {
  return *std::find_if(slots_.begin(), slots_.end(),
                       [slot](const Slot& candidate) { return candidate.row.slot == slot; });
}

SlotMove FlushWindow::Move(const Uuid& pipeline, uint32_t slot, Lsn from, Lsn to,
                           uint64_t attempt) {
  const SlotRow& row = Find(slot).row;
  SlotMove move{pipeline, row, row};
  move.after.from = from;
  move.after.to = to;
  move.after.frontier = frontier_;
  move.after.attempt = attempt;
  for (const Slot& other : slots_) {
    const bool is_other = other.row.slot != slot;
    if (is_other && other.moved) move.floors.push_back({other.row.slot, other.row.to});
  }
  return move;
}

void FlushWindow::Committed(const SlotMove& move) {
  Slot& slot = Find(move.after.slot);
  slot.row = move.after;
  slot.moved = true;
  Add(move.after.from, move.after.to);
}

void FlushWindow::GiveBackSlot(uint32_t slot) { Find(slot).taken = false; }

}  // namespace batchsql
