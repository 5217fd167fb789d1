#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/watermark.h"

namespace batchsql {

// What a journal knows of its pipeline's claims and rows.
struct JournalExtent {
  std::vector<ClaimMark> claims;  // ascending by epoch; empty: never claimed
  Lsn first_lsn = 1;              // oldest that can be read back
  Lsn next_lsn = 1;
};

// The epoch with which a pipeline may be claimed, given what its journal and its target say.
// `slots` are the pipeline's rows in the target. FAILED_PRECONDITION, with the reason for a person:
// somebody else claimed the pipeline (the target's token is unknown to the journal), the target
// holds rows beyond the journal's end, its slot rows are gone, or it moved back further than the
// journal reaches. delivery's rule: forks are refused, not guessed.
absl::StatusOr<uint64_t> NextEpoch(const JournalExtent& journal, const std::vector<SlotRow>& slots);

}  // namespace batchsql
