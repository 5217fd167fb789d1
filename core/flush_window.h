#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/watermark.h"

namespace batchsql {

// Which of a pipeline's rows are committed, and the slots through which flushes commit more
// (delivery.md's flush window, docs/watermark.md). Pure: no thread, lock or database inside.
class FlushWindow {
 public:
  // `slots` as they are in the target after the claim. What was committed before follows from them:
  // everything up to the highest frontier, and each slot's last range.
  explicit FlushWindow(const std::vector<SlotRow>& slots);

  // Everything up to and including it is committed.
  Lsn frontier() const { return frontier_; }
  // The last that is known to be committed.
  Lsn last_lsn() const { return islands_.empty() ? frontier_ : islands_.rbegin()->second; }
  bool IsCommitted(Lsn lsn) const { return FirstNotCommitted(lsn) != lsn; }
  // The first LSN from `lsn` on that is not committed.
  Lsn FirstNotCommitted(Lsn lsn) const;
  // Of all slots, in all: the pipeline's ledger.
  SlotTotals totals() const;
  // How many of [from, to] are not committed.
  uint64_t CountNotCommitted(Lsn from, Lsn to) const;

  // Without a journal: what is not committed before `lsn` was lost, with the process that had it or
  // by a target that moved back. The frontier goes past it. `lsn` is at least 1.
  void GiveUpBefore(Lsn lsn);

  // Some slot is free: nobody's, and its last range below the frontier.
  bool HasFreeSlot() const;
  // Takes a free slot; there must be one.
  uint32_t TakeSlot();
  // What an attempt at a range writes first, through a slot that was taken.
  SlotMove Move(const Uuid& pipeline, uint32_t slot, Lsn from, Lsn to, uint64_t attempt);
  // The slot, once given back, takes another range when the frontier has passed this one.
  void Committed(const SlotMove& move);
  void GiveBackSlot(uint32_t slot);

 private:
  struct Slot {
    SlotRow row;  // as in the target
    bool taken = false;
    bool moved = false;  // since the claim
  };
  bool IsFree(const Slot& slot) const;
  Slot& Find(uint32_t slot);
  void Add(Lsn from, Lsn to);
  void Absorb();

  std::vector<Slot> slots_;
  Lsn frontier_ = 0;
  std::map<Lsn, Lsn> islands_;  // committed ranges above the frontier: from → to, apart
};

}  // namespace batchsql
