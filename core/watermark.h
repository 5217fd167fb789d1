#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dead_letters/letter_rows.h"
#include "core/names.h"
#include "core/row_digest.h"
#include "core/uuid.h"

namespace batchsql {

// What the transactions of one slot, or of all, committed: the ledger of a pipeline
// (docs/audit.md).
struct SlotTotals {
  uint64_t lsns = 0;       // of their ranges: one a row, at least one a request
  uint64_t committed = 0;  // rows that were handed over
  uint64_t coalesced = 0;  // rows for which another stood
  uint64_t refused = 0;    // rows that were left out
  // Of the committed rows, those that are in the digest: all, in a table that was always exclusive.
  uint64_t digested = 0;
  RowDigest digest;

  SlotTotals& operator+=(const SlotTotals& other);
  bool operator==(const SlotTotals&) const = default;
};

// One row of the target's table batchsql_watermark: a slot of a pipeline's flush window
// (docs/watermark.md). Every number fits a signed 64-bit integer.
struct SlotRow {
  uint32_t slot = 0;
  uint64_t epoch = 0;  // +1 with every claim
  Uuid token{};        // random, new with every claim
  // The range of LSNs, both ends included, that the slot's last transaction committed; 0, 0 before
  // its first.
  Lsn from = 0;
  Lsn to = 0;
  // Every row up to and including it was known to be committed then.
  Lsn frontier = 0;
  uint64_t attempt = 0;  // random; which attempt at the range committed
  SlotTotals totals{};   // of every range so far

  bool operator==(const SlotRow&) const = default;
};

// What another slot is known to have committed: its range_to never falls, but in a target that
// moved back.
struct SlotFloor {
  uint32_t slot = 0;
  Lsn to = 0;
};

// A flush's first statement: the slot's row becomes `after` if it still has the epoch, token and
// range of `before`, and no other slot is below its floor; else the flush is fenced. The totals of
// `after` are the executor's to tell.
struct SlotMove {
  Uuid pipeline{};
  SlotRow before;
  SlotRow after;
  // Of the slots that committed since the claim: the frontier of `after` rests on them. Those that
  // did not are as the claim left them wherever `before` has its token. Made before the flush's
  // transaction begins, so that no snapshot of a target that stands shows less.
  std::vector<SlotFloor> floors{};
};

// Takes a pipeline over: every one of its slot rows gets the epoch and the token, and rows are
// added so that slots 0 to slots − 1 exist.
struct SlotClaim {
  Uuid pipeline{};
  std::vector<SlotRow> expected;  // the pipeline's rows as last read, ascending by slot
  uint32_t slots = 0;
  uint64_t epoch = 0;
  Uuid token{};
};

// A claim, as the journal remembers it: written before the target is asked, and once more, `held`,
// when the target took it.
struct ClaimMark {
  uint64_t epoch = 0;
  Uuid token{};
  bool held = false;
};

// A producer's position in batchsql_producers, for tables that keep it in the target: moved by
// compare-and-set, in the transaction of the producer's rows.
struct ProducerMove {
  std::string producer_id;
  uint64_t before = 0;  // last sequence committed; 0: no row yet
  uint64_t after = 0;
};

// What one flush commits beside its rows.
struct FlushProgress {
  SlotMove slot;
  std::vector<ProducerMove> producers;  // empty unless the table keeps them in the target
  LetterChanges letters{};              // empty unless the pipeline keeps them in the target
  uint64_t refused_rows = 0;            // of the range, and no longer in the plan: they do not fit
};

}  // namespace batchsql
