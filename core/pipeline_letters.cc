// The part of Pipeline that keeps what a flush leaves out: dead letters, and their replays.

#include <algorithm>
#include <map>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/pipeline_flush.h"

namespace batchsql {
namespace {

uint64_t NowMs() { return static_cast<uint64_t>(absl::ToUnixMillis(absl::Now())); }

}  // namespace

// Rows that no longer fit the table after it was altered.
absl::Status Pipeline::KeepUnfit(Flush& flush, uint64_t attempt) {
  if (letters_ == nullptr || flush.batch.refused == 0) return absl::OkStatus();
  std::vector<DeadLetter> letters;
  for (const QueuedBlock& block : flush.batch.blocks) {
    for (const DeadLetter& letter : block.letters) {
      letters.push_back(letter);
      letters.back().pipeline = id_;
      letters.back().time_ms = NowMs();
    }
  }
  return letters_->Keep(attempt, std::move(letters));
}

// What is known before the attempt.
LetterChanges Pipeline::ChangesOf(const Flush& flush, uint64_t attempt) {
  if (letters_ == nullptr || !letters_->in_target()) return {};
  std::vector<uint64_t> replayed;
  for (const QueuedBlock& block : flush.batch.blocks) {
    if (block.replay) replayed.push_back(ReplayedLetter(id_, block.answer.producer_id));
  }
  return letters_->TakeChanges(attempt, replayed);
}

// Before the commit: what the attempt leaves out must not be lost.
absl::Status Pipeline::KeepRefused(Flush& flush, uint64_t attempt,
                                   absl::Span<const RowFailure> failures, LetterChanges* changes) {
  const bool misses_another = std::any_of(
      failures.begin(), failures.end(),
      [](const RowFailure& failure) { return failure.error.reason == RejectReason::kForeignKey; });
  if (misses_another && !std::exchange(flush.order_tried, true)) {
    flush.order_due = true;
    return absl::AbortedError("rows refer to rows that may come later");
  }
  if (letters_ == nullptr) return absl::OkStatus();
  std::vector<DeadLetter> letters;
  letters.reserve(failures.size());
  for (const RowFailure& failure : failures) {
    const QueuedBlock& block = flush.batch.blocks[failure.row.block];
    DeadLetter letter = LetterOfRow(block.answer, *block.schema, block.rows, failure.row.row);
    letter.pipeline = id_;
    letter.time_ms = NowMs();
    letter.reason = failure.error.reason;
    letter.column = failure.error.column;
    letter.code = failure.error.code;
    letters.push_back(std::move(letter));
  }
  absl::Status status = letters_->Keep(attempt, std::move(letters));
  if (status.ok()) *changes = letters_->TakeChanges(attempt, {});
  return status;
}

// Before the slot may take another range: after a crash the slot's row is what tells that the
// letters are live. False: the shutdown's deadline came first, and the next start finds out.
bool Pipeline::ConfirmLetters(Flush& flush, uint64_t attempt) {
  if (letters_ == nullptr) return true;
  while (true) {
    const absl::Status status = letters_->Confirm(attempt);
    if (status.ok()) return true;
    Log(LogLevel::kError, "dead letters of a committed flush cannot be confirmed",
        {{"table", options_.label}, {"reason", std::string(status.message())}});
    SetState(PipelineState::kPaused, "dead_letters");
    if (!WaitBeforeRetry(flush.probes.Next())) return false;
  }
}

void Pipeline::DropLetters(uint64_t attempt) {
  if (letters_ != nullptr) letters_->Drop(attempt);
}

// A process that died after a commit, before its journal held what was refused, left answers
// without it: the letters tell. Before anybody may be told that the rows are committed.
absl::Status Pipeline::RestoreRefused(const std::vector<SlotRow>& slots) {
  using Key = std::pair<std::string, uint64_t>;
  const FlushWindow window(slots);
  std::map<Key, Lsn> first_lsns;
  std::vector<LetterStore::Request> requests;
  {
    MutexLock lock(mutex_);
    for (Producers::Answered& answer : producers_.WithoutRefused()) {
      if (!window.IsCommitted(answer.last_lsn)) continue;
      requests.push_back({answer.producer_id, answer.sequence});
      first_lsns[{std::move(answer.producer_id), answer.sequence}] = answer.first_lsn;
    }
  }
  const absl::StatusOr<std::vector<DeadLetter>> letters = letters_->OfRequests(requests);
  if (!letters.ok()) return letters.status();
  std::map<Key, std::map<uint32_t, RowRejection>> refused;
  for (const DeadLetter& letter : *letters) {
    const auto found = first_lsns.find({letter.producer_id, letter.sequence});
    // (Of a letter without an attempt a repair could not find out whether its row was left out.)
    if (found == first_lsns.end() || letter.attempt == 0) continue;
    // An adopted journal's answers have no LSNs any more.
    const bool is_same = letter.pipeline == id_ && letter.first_lsn == found->second;
    if (is_same || found->second == 0) refused[found->first][letter.row] = RejectionOf(letter);
  }
  for (const auto& [key, by_row] : refused) {
    std::vector<RowRejection> rejections;
    for (const auto& [row, rejection] : by_row) rejections.push_back(rejection);
    {
      MutexLock lock(mutex_);
      producers_.SetRefused(key.first, key.second, rejections);
    }
    if (journal_ == nullptr) continue;
    journal_->AppendRefused(key.first, key.second, rejections).IgnoreError();  // or the next time
  }
  return absl::OkStatus();
}

// For letters on disk; those in the target were finished by their flush. The producer is forgotten
// when the letter itself says that it was replayed.
absl::Status Pipeline::FinishReplays(absl::Span<const uint64_t> letter_ids) {
  if (letters_->in_target()) return absl::OkStatus();
  const std::vector<uint64_t> times_ms = LiveTimes(letter_ids);
  if (absl::Status status = letters_->MarkReplayed(letter_ids); !status.ok()) return status;
  {
    MutexLock lock(mutex_);
    for (const uint64_t time_ms : times_ms) Forgive(time_ms);
  }
  for (const uint64_t id : letter_ids) {
    const std::string producer = ReplayProducer(id_, id);
    {
      MutexLock lock(mutex_);
      producers_.Forget(producer);
    }
    if (journal_ != nullptr) journal_->AppendForget(producer).IgnoreError();  // a start does, too
  }
  return absl::OkStatus();
}

// Replays that were journaled when the process died, before their letters said so.
void Pipeline::FinishLeftReplays() {
  std::vector<uint64_t> ids;
  {
    MutexLock lock(mutex_);
    for (const Producers::Summary& producer : producers_.List()) {
      const uint64_t id = ReplayedLetter(id_, producer.producer_id);
      if (id != 0) ids.push_back(id);
    }
  }
  if (ids.empty()) return;
  const absl::Status status = FinishReplays(ids);
  if (status.ok()) return;
  Log(LogLevel::kWarning, "replayed dead letters cannot be marked",
      {{"table", options_.label}, {"reason", std::string(status.message())}});
}

// Those of letters in the target, which say by now that they were replayed.
void Pipeline::EndReplays(const Batch& batch) {
  for (const QueuedBlock& block : batch.blocks) {
    if (!block.replay) continue;
    producers_.Forget(block.answer.producer_id);
    Forgive(block.letter_time_ms);
  }
}

// A letter was replayed or purged since its replay was queued, by another daemon or by hand: none
// of the batch's replays is written, which all may be repeated. Their LSNs stay in the batch.
Pipeline::AttemptResult Pipeline::GiveUpReplays(Flush& flush) {
  const RequestOutcome outcome{
      absl::AbortedError("a dead letter that was to be replayed is gone; nothing was written"),
      {},
      false};
  for (QueuedBlock& block : flush.batch.blocks) {
    if (!std::exchange(block.replay, false)) continue;
    const uint64_t rows = block.rows.rows();
    const uint64_t refused = block.letters.size();
    const uint64_t bytes = block.rows.size_bytes();
    flush.batch.rows -= rows;
    flush.batch.refused -= refused;
    flush.batch.bytes -= bytes;
    std::vector<CommitWaiters::Waiter> waiters;
    {
      MutexLock lock(mutex_);
      producers_.Forget(std::exchange(block.answer.producer_id, ""));
      waiters = waiters_.Take(block.first_lsn(), block.last_lsn());
      flushing_rows_ -= rows + refused;
      flushing_bytes_ -= bytes;
      status_.rejected_rows += rows + refused;
    }
    block.rows = RowBlock();
    block.letters.clear();
    block.refused.clear();
    block.memory.Release();
    for (CommitWaiters::Waiter& waiter : waiters) waiter.receipt.Finish(outcome);
    block.receipt.Finish(outcome);
  }
  return AttemptResult::kAgain;
}

}  // namespace batchsql
