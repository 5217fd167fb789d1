#include "core/claim.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/flush_window.h"

namespace batchsql {
namespace {

constexpr char kHowToAdopt[] = "; see docs/watermark.md, \"Forks\"";

const SlotRow& Newest(const std::vector<SlotRow>& slots) {
  return *std::max_element(slots.begin(), slots.end(),
                           [](const SlotRow& a, const SlotRow& b) { return a.epoch < b.epoch; });
}

absl::Status CheckToken(const JournalExtent& journal, const SlotRow& newest) {
  for (const ClaimMark& claim : journal.claims) {
    if (claim.epoch == newest.epoch && claim.token == newest.token) return absl::OkStatus();
  }
  const uint64_t known = journal.claims.empty() ? 0 : journal.claims.back().epoch;
  if (newest.epoch > known) {
    return absl::FailedPreconditionError(
        absl::StrCat("fenced: another daemon claimed this pipeline (epoch ", newest.epoch,
                     ", this journal knows ", known, ")", kHowToAdopt));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "fork: the target was claimed with a token that this journal does not know; the journal or "
      "the target was copied or restored",
      kHowToAdopt));
}

absl::Status CheckRange(const JournalExtent& journal, const std::vector<SlotRow>& slots) {
  // The slots' last ranges reach further than the frontier that they recorded, and so does
  // trimming.
  const Lsn frontier = FlushWindow(slots).frontier();
  Lsn last = 0;
  for (const SlotRow& slot : slots) last = std::max({last, slot.frontier, slot.to});
  if (last >= journal.next_lsn) {
    return absl::FailedPreconditionError(absl::StrCat(
        "fork: the target holds rows up to LSN ", last, ", but the journal ends at ",
        journal.next_lsn - 1, "; the journal was restored from an older copy", kHowToAdopt));
  }
  if (frontier + 1 < journal.first_lsn) {
    return absl::FailedPreconditionError(
        absl::StrCat("possible loss: the target moved back to LSN ", frontier,
                     ", but the journal begins at ", journal.first_lsn, kHowToAdopt));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> NextEpoch(const JournalExtent& journal,
                                   const std::vector<SlotRow>& slots) {
  const uint64_t known = journal.claims.empty() ? 0 : journal.claims.back().epoch;
  if (slots.empty()) {
    const bool held = std::any_of(journal.claims.begin(), journal.claims.end(),
                                  [](const ClaimMark& claim) { return claim.held; });
    if (held) {
      return absl::FailedPreconditionError(absl::StrCat(
          "fork: the target has lost this pipeline's rows of batchsql_watermark; it is another "
          "database, or was restored",
          kHowToAdopt));
    }
    return known + 1;
  }
  const SlotRow& newest = Newest(slots);
  if (absl::Status status = CheckToken(journal, newest); !status.ok()) return status;
  if (absl::Status status = CheckRange(journal, slots); !status.ok()) return status;
  return std::max(known, newest.epoch) + 1;
}

}  // namespace batchsql
