// The part of Pipeline that takes its slot rows in the target, and finds out what is committed.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/pipeline.h"

namespace batchsql {
namespace {

constexpr uint32_t kSlotsPerFlusher = 8;

// A claim that the target never took is tried again, so that the journal does not fill with marks.
ClaimMark NextMark(const JournalExtent& extent, const std::vector<SlotRow>& found, uint64_t epoch) {
  if (!extent.claims.empty() && !extent.claims.back().held) {
    const ClaimMark& last = extent.claims.back();
    const bool taken = std::any_of(found.begin(), found.end(),
                                   [&](const SlotRow& row) { return row.epoch >= last.epoch; });
    if (!taken) return last;
  }
  return {epoch, NewUuid(), false};
}

// The target took a claim of this journal, or of this process.
bool HasHeld(const JournalExtent& extent) {
  return std::any_of(extent.claims.begin(), extent.claims.end(),
                     [](const ClaimMark& claim) { return claim.held; });
}

// The pipeline's rows of the target as the claim left them.
std::vector<SlotRow> ClaimedSlots(const SlotClaim& claim) {
  std::vector<SlotRow> slots = claim.expected;
  for (uint32_t slot = 0; slot < claim.slots; ++slot) {
    const bool known = std::any_of(slots.begin(), slots.end(),
                                   [slot](const SlotRow& row) { return row.slot == slot; });
    if (!known) slots.push_back({slot, 0, {}, 0, 0, 0, 0});
  }
  for (SlotRow& row : slots) {
    row.epoch = claim.epoch;
    row.token = claim.token;
  }
  return slots;
}

}  // namespace

// Does nothing where the pipeline has its slots already. An error that is not UNAVAILABLE stops the
// pipeline: forks are refused, not guessed.
absl::Status Pipeline::Claim(Executor& executor) {
  JournalExtent extent;
  {
    MutexLock lock(mutex_);
    if (window_.has_value()) return absl::OkStatus();
    extent = extent_;
    extent.next_lsn = next_lsn_;
  }
  const absl::StatusOr<std::vector<SlotRow>> found = executor.ReadSlots(id_);
  if (!found.ok()) return found.status();
  // Before the claim promises to write them again.
  if (journal_ != nullptr) extent.first_lsn = journal_->MoveBack(FlushWindow(*found).frontier());
  absl::StatusOr<uint64_t> epoch = NextEpoch(extent, *found);
  if (journal_ == nullptr && !HasHeld(extent)) {
    // The first claim of a process without a journal: there is nothing to compare.
    epoch = found->empty() ? 1 : found->front().epoch + 1;
  }
  if (!epoch.ok()) {
    StopFor(epoch.status(), StopKind::kFork);
    return epoch.status();
  }
  return TakeSlots(executor, *found, NextMark(extent, *found, *epoch));
}

// Writes the claim first to the journal, then to the target, then to the journal that it holds.
absl::Status Pipeline::TakeSlots(Executor& executor, const std::vector<SlotRow>& found,
                                 ClaimMark mark) {
  if (absl::Status status = Remember(mark); !status.ok()) return status;
  const SlotClaim claim{id_, found, kSlotsPerFlusher * options_.flushers, mark.epoch, mark.token};
  if (absl::Status status = executor.Claim(claim); !status.ok()) {
    // ABORTED, UNKNOWN: the next try looks again what became of the rows.
    return absl::UnavailableError(absl::StrCat("claim: ", std::string(status.message())));
  }
  mark.held = true;
  if (absl::Status status = Remember(mark); !status.ok()) return status;
  const std::vector<SlotRow> slots = ClaimedSlots(claim);
  if (letters_ != nullptr) {
    if (absl::Status status = letters_->Load(executor); !status.ok()) return status;
    // Nobody moves the slots from here on: what they show is what committed.
    absl::Status status = letters_->Settle(slots);
    if (status.ok()) status = RestoreRefused(slots);
    if (!status.ok()) {
      return absl::UnavailableError(absl::StrCat("dead letters: ", std::string(status.message())));
    }
  }
  Adopt(slots);
  return absl::OkStatus();
}

absl::Status Pipeline::Remember(const ClaimMark& mark) {
  if (journal_ != nullptr) {
    if (absl::Status status = journal_->AppendClaim(mark); !status.ok()) return status;
  }
  MutexLock lock(mutex_);
  if (!extent_.claims.empty() && extent_.claims.back().epoch == mark.epoch) {
    extent_.claims.back() = mark;
  } else {
    extent_.claims.push_back(mark);
  }
  return absl::OkStatus();
}

// What is queued is read back from the journal: the target may be at another place than it was.
void Pipeline::Adopt(const std::vector<SlotRow>& slots) {
  std::vector<QueuedBlock> queued;
  {
    MutexLock lock(mutex_);
    window_.emplace(slots);
    // What was read before the first claim holds; after a fence the target may have moved back.
    if (status_.state != PipelineState::kOpening) target_producers_.Clear();
    if (journal_ == nullptr) {
      next_lsn_ = std::max(next_lsn_, window_->last_lsn() + 1);
      GiveUpLost(batcher_.lowest_lsn().value_or(next_lsn_));
    } else {
      queued = batcher_.TakeAll();
      uint64_t waiting = left_rows_;
      for (QueuedBlock& block : queued) {
        waiting += block.pending_rows();
        waiters_.Add(block.answer, std::move(block.receipt));
      }
      std::optional<TimePoint> accepted_from = left_.empty() ? std::nullopt : left_.accepted_from;
      if (!queued.empty()) accepted_from = queued.front().accepted_at;
      left_ = {window_->frontier() + 1, queued_through_, accepted_from};
      RecountLeft(waiting, !was_claimed_);
    }
    AdoptTotals(!std::exchange(was_claimed_, true));
  }
  AnswerClaimed();
  Log(LogLevel::kInfo, "pipeline claimed",
      {{"table", options_.label}, {"pipeline", UuidText(id_)}});
}

// Without a journal: rows before `waiting_from` that the target lacks are nowhere else.
void Pipeline::GiveUpLost(Lsn waiting_from) {
  const uint64_t lost = window_->CountNotCommitted(1, waiting_from - 1);
  // At the first claim they were an earlier process's, which told its clients.
  if (was_claimed_ && lost > 0) {
    Log(LogLevel::kError, "the target moved back; rows that it had committed are lost",
        {{"table", options_.label}, {"rows", absl::StrCat(lost)}});
  }
  window_->GiveUpBefore(waiting_from);
}

// The target tells what is left, in LSNs: `waiting` rows were thought to be. Fewer: an earlier
// process, or a flush whose answer never came, had committed the rest. More: it moved back.
void Pipeline::RecountLeft(uint64_t waiting, bool is_first) {
  left_rows_ = window_->CountNotCommitted(left_.next, left_.through);
  numbered_through_ = left_.through;
  if (left_rows_ >= waiting) {
    status_.recovered_rows += left_rows_ - waiting;
    return;
  }
  const uint64_t committed = waiting - left_rows_;
  const uint64_t recovered = is_first ? std::min(committed, status_.recovered_rows) : 0;
  status_.recovered_rows -= recovered;
  status_.committed_rows += committed - recovered;
}

// Whoever waits for rows that the claim found committed: no flush will come across them.
void Pipeline::AnswerClaimed() {
  std::vector<CommitWaiters::Waiter> waiters;
  std::vector<RequestOutcome> outcomes;
  {
    MutexLock lock(mutex_);
    if (!window_.has_value()) return;  // fenced already
    waiters = waiters_.TakeCommitted(
        [this](Lsn lsn) ABSL_NO_THREAD_SAFETY_ANALYSIS { return window_->IsCommitted(lsn); });
    for (const CommitWaiters::Waiter& waiter : waiters) {
      outcomes.push_back(
          {absl::OkStatus(), producers_.refused(waiter.producer_id, waiter.sequence), false});
    }
  }
  for (size_t i = 0; i < waiters.size(); ++i) waiters[i].receipt.Finish(outcomes[i]);
}

}  // namespace batchsql
