// The part of Pipeline that keeps what a flush leaves out: dead letters, and their replays.

#include <algorithm>
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

// Before the commit: what the attempt leaves out must not be lost.
absl::Status Pipeline::KeepRefused(Flush& flush, uint64_t attempt,
                                   absl::Span<const RowFailure> failures) {
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
  return letters_->Keep(attempt, std::move(letters));
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

// The producer is forgotten when the letter itself says that it was replayed.
absl::Status Pipeline::FinishReplays(absl::Span<const uint64_t> letter_ids) {
  const std::vector<uint64_t> minutes = LiveMinutes(letter_ids);
  if (absl::Status status = letters_->MarkReplayed(letter_ids); !status.ok()) return status;
  Forgive(minutes);
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

}  // namespace batchsql
