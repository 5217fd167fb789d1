#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/watermark.h"

namespace batchsql {

// Which of a pipeline's rows are committed, and the slots through which flushes commit more
// (delivery.md's flush window, docs/watermark.md). Pure: no thread, lock or database inside.
class FlushWindow {
 public:
  // `slots` as they are in the target after the claim. What was committed before follows from them:
  // everything up to the highest frontier, and each slot's last range.
  explicit FlushWindow(std::vector<SlotRow> slots);

  // Everything up to and including it is committed.
  Lsn frontier() const { return frontier_; }
  bool IsCommitted(Lsn lsn) const;
  // The first LSN from `lsn` on that is not committed.
  Lsn FirstNotCommitted(Lsn lsn) const;
  // The end (included) of the not committed run that begins at `lsn`; kNoLsn where it has none.
  Lsn RunEnd(Lsn lsn) const;
  // Rows above the frontier that are committed, as far as the slots tell.
  static constexpr Lsn kNoLsn = UINT64_MAX;

  // A slot that may take a range: idle, and its last range below the frontier.
  std::optional<uint32_t> FreeSlot() const;
  // Gives the slot a range. What the attempt's first statement does.
  SlotMove Begin(const Uuid& pipeline, uint32_t slot, Lsn from, Lsn to, uint64_t attempt);
  void Committed(const SlotMove& move);
  void GiveUp(const SlotMove& move);  // nothing of it was committed

 private:
  struct Slot {
    SlotRow row;  // as in the target
    bool busy = false;
  };
  Slot& SlotOf(const SlotMove& move);
  void Add(Lsn from, Lsn to);

  std::vector<Slot> slots_;
  Lsn frontier_ = 0;
  std::map<Lsn, Lsn> islands_;  // committed ranges above the frontier: from → to, apart
};

}  // namespace batchsql
