// The part of Pipeline that ends: for good where a person must act, or with a drain.

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/pipeline.h"

namespace batchsql {
namespace {

// For the journal's last mark, where nothing waits to be written.
constexpr std::chrono::seconds kCloseMax{10};

}  // namespace

// The reason is told to every client.
void Pipeline::StopFor(const absl::Status& reason, StopKind kind) {
  {
    MutexLock lock(mutex_);
    if (status_.state == PipelineState::kStopped) return;  // the first reason counts
    status_.reason = std::string(reason.message());
    status_.stop_kind = kind;
  }
  Log(LogLevel::kError, "the pipeline stops",
      {{"table", options_.label}, {"reason", std::string(reason.message())}});
  SetState(PipelineState::kStopped, std::string(absl::StatusCodeToString(reason.code())));
  MutexLock lock(mutex_);
  WakeAll();
}

StopKind Pipeline::KindOfFileError(const absl::Status& error) {
  if (absl::IsDataLoss(error)) return StopKind::kDamage;
  return absl::IsResourceExhausted(error) ? StopKind::kDisk : StopKind::kFiles;
}

void Pipeline::Drain(TimePoint deadline, LeftRows left) {
  std::vector<std::thread> flushers;
  {
    MutexLock lock(mutex_);
    if (draining_) return;
    drain_deadline_ = std::min(drain_deadline_, deadline);
    draining_ = true;
    drains_left_ = left == LeftRows::kAreWritten;
    flushers.swap(flushers_);
    WakeAll();
  }
  for (std::thread& flusher : flushers) flusher.join();
  if (lookups_ != nullptr) lookups_->Close();
  if (journal_ != nullptr) {
    // The flushers only ended before the deadline if nothing waits for the journal.
    journal_->Close(std::min(deadline, clock_->Now() + kCloseMax));
    MutexLock lock(mutex_);
    status_.lost_rows += std::exchange(syncing_rows_, 0);  // the disk did not take them
    syncing_intake_ = {};
  }
  GiveUpQueue();
  SaveLastLedger();
  if (letters_ != nullptr) letters_->Close();
}

void Pipeline::EndDrainBy(TimePoint deadline) {
  MutexLock lock(mutex_);
  drain_deadline_ = std::min(drain_deadline_, deadline);
  WakeAll();
}

absl::Status Pipeline::ClosedStatus() const {
  return refusal_.ok() ? absl::UnavailableError("the daemon is stopping") : refusal_;
}

absl::Status Pipeline::StoppingStatus() const {
  {
    MutexLock lock(mutex_);
    if (!refusal_.ok()) {
      return absl::UnavailableError(absl::StrCat(std::string(refusal_.message()),
                                                 journal_ != nullptr
                                                     ? "; rows that are in its journal are kept"
                                                     : "; the rows were not written"));
    }
  }
  return absl::UnavailableError(
      journal_ != nullptr
          ? "the daemon is stopping; rows that are in its journal are written after its next start"
          : "the daemon stopped before the rows were written");
}

absl::Status Pipeline::GivenUpStatus() const {
  return absl::UnavailableError(CheckAccepting().message());
}

Pipeline::Unanswered Pipeline::TakeUnanswered() {
  Unanswered waiting;
  waiting.opens.swap(opens_);
  waiting.batch.blocks = batcher_.TakeAll();
  for (const QueuedBlock& block : waiting.batch.blocks) waiting.batch.rows += block.pending_rows();
  waiting.waiters = waiters_.TakeAll();
  return waiting;
}

void Pipeline::Answer(Unanswered waiting, const absl::Status& status) {
  AnswerAll(waiting.batch, status);
  for (CommitWaiters::Waiter& waiter : waiting.waiters) {
    waiter.receipt.Finish({status, {}, false});
  }
  for (OpenRequest& open : waiting.opens) {
    if (open.callback) open.callback(status);
  }
}

// What came in before the pipeline stopped. Nothing is written any more: memory is given back to
// other tables, and what a journal has stays there.
void Pipeline::AnswerStopped() {
  Unanswered waiting;
  absl::Status status;
  {
    MutexLock lock(mutex_);
    status = GivenUpStatus();
    waiting = TakeUnanswered();
    const std::vector<QueuedBlock>& queued = waiting.batch.blocks;
    if (journal_ != nullptr && !queued.empty()) {
      left_ = {queued.front().first_lsn(), queued_through_, queued.front().accepted_at};
    }
  }
  Answer(std::move(waiting), status);
}

// Answers what the flushers left behind.
void Pipeline::GiveUpQueue() {
  Unanswered waiting;
  std::vector<CommitWaiters::Waiter> repeats;
  {
    MutexLock lock(mutex_);
    waiting = TakeUnanswered();
    repeats = unsynced_repeats_.TakeAll();
    drained_ = true;
  }
  std::move(repeats.begin(), repeats.end(), std::back_inserter(waiting.waiters));
  Answer(std::move(waiting), StoppingStatus());
}

}  // namespace batchsql
