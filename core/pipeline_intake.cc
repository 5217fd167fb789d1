// The part of Pipeline that takes requests: repetition, the journal, and what is left there.

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/fault_point.h"
#include "core/log.h"
#include "core/pipeline.h"

namespace batchsql {
namespace {

// Receipts of rows that are left in the journal and whose clients wait for less than the commit:
// kept up to this many, so that memory stays bounded while the database is away.
constexpr size_t kUntoldAfter = 10'000;

constexpr char kReadBackError[] = "read_back";

// When an earlier process, or this one, took the request.
TimePoint AcceptedAt(const RequestAnswer& answer, TimePoint now) {
  const absl::Duration ago =
      absl::Now() - absl::FromUnixMillis(static_cast<int64_t>(answer.time_ms));
  return now - absl::ToChronoNanoseconds(std::max(ago, absl::ZeroDuration()));
}

IntakeTotals IntakeOf(const QueuedBlock& block) {
  IntakeTotals intake;
  const uint64_t rejected = block.answer.rejected.size();
  (block.replay ? intake.replayed : intake.received) = block.answer.accepted_rows + rejected;
  intake.rejected = rejected;
  return intake;
}

bool IsNumbered(const RequestAnswer& answer) { return !answer.producer_id.empty(); }

}  // namespace

absl::Status Pipeline::CheckAccepting() const {
  if (draining_ || !refusal_.ok()) return ClosedStatus();
  if (status_.state != PipelineState::kStopped) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the pipeline of table ", options_.label, " stopped: ", status_.reason));
}

bool Pipeline::WritesNoMore() const { return drained_ || status_.state == PipelineState::kStopped; }

// The answer that a numbered request repeats; null: it comes next.
absl::StatusOr<const RequestAnswer*> Pipeline::FindOriginal(const QueuedBlock& request) const {
  if (!refusal_.ok()) return refusal_;
  const RequestAnswer& answer = request.answer;
  if (!IsNumbered(answer)) return nullptr;
  if (request.session != 0) {
    const auto newest = sessions_.find(answer.producer_id);
    if (newest != sessions_.end() && newest->second.newest != request.session) {
      return absl::AbortedError("a newer stream of this producer was opened");
    }
  }
  Producers::Position position =
      producers_.Look(answer.producer_id, answer.sequence, answer.digest);
  if (absl::Status status = JudgeByTarget(request, &position); !status.ok()) return status;
  switch (position.verdict) {
    case Producers::Verdict::kNext:
      return nullptr;
    case Producers::Verdict::kDuplicate:
      if (Sabotage("no-dedup")) return nullptr;
      return position.original;
    case Producers::Verdict::kGap:
      if (request.resumes) return nullptr;
      return absl::FailedPreconditionError(absl::StrCat("sequence ", answer.sequence, " where ",
                                                        position.expected, " was expected"));
    case Producers::Verdict::kOther:
      return absl::InvalidArgumentError(absl::StrCat(
          "sequence ", answer.sequence, " was answered before, for a request with other rows"));
    case Producers::Verdict::kTooOld:
      break;
  }
  return absl::OutOfRangeError(absl::StrCat(
      "sequence ", answer.sequence, " was answered long ago; ", position.expected, " comes next"));
}

void Pipeline::CountRepeated(const QueuedBlock& request, const RequestAnswer& original) {
  const uint64_t rows = original.accepted_rows + original.rejected.size();
  CountIncoming(request, rows);
  status_.deduplicated_rows += rows;
}

void Pipeline::CountIncoming(const QueuedBlock& request, uint64_t rows) {
  (request.replay ? status_.replayed_rows : status_.received_rows) += rows;
}

// Answers a repeated request as its original reaches each level.
void Pipeline::Follow(const RequestAnswer& original, Receipt receipt) {
  if (journal_ != nullptr) {
    bool synced;
    {
      MutexLock lock(mutex_);
      synced = original.last_lsn <= synced_lsn_;
      if (!synced && !WritesNoMore()) {
        unsynced_repeats_.Add(original, std::move(receipt));
        journal_->Hurry();
        return;
      }
    }
    if (synced) receipt.Journaled();
  }
  RequestOutcome outcome;
  {
    MutexLock lock(mutex_);
    const bool committed = window_.has_value() && window_->IsCommitted(original.last_lsn);
    if (!committed && !WritesNoMore()) {
      waiters_.Add(original, std::move(receipt));
      return;
    }
    if (committed) outcome.rejected = producers_.refused(original.producer_id, original.sequence);
    if (!committed) outcome.status = GivenUpStatus();
  }
  receipt.Finish(outcome);
}

absl::StatusOr<std::optional<Submitted>> Pipeline::FindRepeated(const QueuedBlock& request,
                                                                Receipt& receipt) {
  RequestAnswer answered;
  {
    MutexLock lock(mutex_);
    const absl::StatusOr<const RequestAnswer*> original = FindOriginal(request);
    if (!original.ok()) {
      receipt.Dismiss();
      return original.status();
    }
    if (*original == nullptr) return std::nullopt;
    CountRepeated(request, **original);
    answered = **original;
  }
  Follow(answered, std::move(receipt));
  return Submitted{answered.accepted_rows, std::move(answered.rejected)};
}

absl::Status Pipeline::Admit(QueuedBlock& block) {
  if (absl::Status status = CheckAccepting(); !status.ok()) return status;
  const uint32_t rows = block.rows.rows();
  const Lsn last_lsn = next_lsn_ + std::max<uint32_t>(rows, 1) - 1;
  block.answer.first_lsn = next_lsn_;
  block.answer.last_lsn = last_lsn;
  block.answer.accepted_rows = rows;
  block.accepted_at = clock_->Now();
  RequestAnswer answer = IsNumbered(block.answer) ? block.answer : RequestAnswer{};
  if (journal_ == nullptr) {
    synced_lsn_ = last_lsn;
    const bool was_empty = batcher_.empty();
    batcher_.Add(std::move(block));
    NotifyOfRows(was_empty);
  } else {
    if (Sabotage("ack-before-append")) block.receipt.Journaled();
    const IntakeTotals intake = IntakeOf(block);
    const bool gather = block.level == AckLevel::kDatabase && RowsMustWait();
    const auto urgency = gather ? Journal::Urgency::kGather : Journal::Urgency::kAtOnce;
    if (absl::Status status = journal_->Append(block, urgency); !status.ok()) return status;
    syncing_rows_ += rows;
    syncing_intake_ += intake;
  }
  next_lsn_ = last_lsn + 1;
  const uint64_t last_sequence =
      std::max(producers_.last_sequence(answer.producer_id),
               target_producers_.position(answer.producer_id).value_or(0));
  if (last_sequence != 0) status_.skipped_requests += answer.sequence - last_sequence - 1;
  producers_.Record(std::move(answer));
  return absl::OkStatus();
}

absl::StatusOr<Submitted> Pipeline::Submit(QueuedBlock block) {
  RequestAnswer answered;
  {
    MutexLock lock(mutex_);
    // Again: another request of the producer may have come since FindRepeated was asked.
    const absl::StatusOr<const RequestAnswer*> original = FindOriginal(block);
    if (!original.ok() || *original == nullptr) return Take(block, original.status());
    CountRepeated(block, **original);
    answered = **original;
  }
  Follow(answered, std::move(block.receipt));
  return Submitted{answered.accepted_rows, std::move(answered.rejected)};
}

absl::StatusOr<Submitted> Pipeline::Take(QueuedBlock& block, absl::Status status) {
  const uint32_t rows = block.rows.rows();
  Submitted submitted{rows, block.answer.rejected};
  CountIncoming(block, rows + submitted.rejected.size());
  status_.rejected_rows += submitted.rejected.size();
  CountByReason(submitted.rejected, &status_.rejected_by_reason);
  if (status.ok()) status = Admit(block);
  if (status.ok()) return submitted;
  status_.rejected_rows += rows;
  status_.rejected_by_reason[static_cast<size_t>(RejectReason::kNone)] += rows;
  block.receipt.Dismiss();
  return status;
}

// Rows that come now cannot be flushed soon: the flushes under way wait for a connection, or no
// more may begin, and a full batch is there for the one that ends first.
bool Pipeline::RowsMustWait() const {
  if (flushing_ == 0) return false;
  if (connected_flushes_ == 0) return true;
  return batcher_.full() && flushing_ >= FlushersAllowed();
}

// Rows that gather in the journal have to be synced when a flush may ask for them.
void Pipeline::HurryJournal() {
  if (journal_ != nullptr && syncing_rows_ > 0 && !RowsMustWait()) journal_->Hurry();
}

void Pipeline::OnSynced(std::vector<QueuedBlock> group) {
  std::vector<CommitWaiters::Waiter> repeats;
  {
    MutexLock lock(mutex_);
    synced_lsn_ = group.back().last_lsn();
    for (const QueuedBlock& block : group) syncing_intake_ -= IntakeOf(block);
    repeats = unsynced_repeats_.Take(group.front().first_lsn(), synced_lsn_);
  }
  for (QueuedBlock& block : group) block.receipt.Journaled();
  for (CommitWaiters::Waiter& repeat : repeats) repeat.receipt.Journaled();
  if (Sabotage("order-by-arrival")) std::reverse(group.begin(), group.end());
  std::vector<Receipt> untold;
  {
    MutexLock lock(mutex_);
    const bool was_empty = batcher_.empty();
    for (QueuedBlock& block : group) {
      syncing_rows_ -= block.rows.rows();
      queued_through_ = std::max(queued_through_, block.last_lsn());
      if (MustLeave()) {
        Leave(block, &untold);
      } else {
        batcher_.Add(std::move(block));
      }
    }
    for (CommitWaiters::Waiter& repeat : repeats) waiters_.Add(std::move(repeat));
    NotifyOfRows(was_empty);
  }
  for (Receipt& receipt : untold) receipt.Left();
  // What is left gives its memory back here: never under the lock, whoever waits for it comes in.
}

// A flusher that waits for the queue's age need not look before then.
void Pipeline::NotifyOfRows(bool was_empty) {
  if (was_empty || draining_ || !left_.empty() || batcher_.Due(clock_->Now())) work_.Notify();
}

// Rows that follow left ones are left, too: the queue is in LSN order. Else they are left where
// memory is short and this pipeline is not out of work.
bool Pipeline::MustLeave() const {
  if (!left_.empty()) return true;
  const bool idle = batcher_.empty() && flushing_ == 0;
  return !idle && budget_->used_bytes() > budget_->bytes_max() / 2;
}

void Pipeline::Leave(QueuedBlock& block, std::vector<Receipt>* untold) {
  if (left_.empty()) {
    left_.next = block.first_lsn();
    left_.accepted_from.reset();
  }
  if (!left_.accepted_from.has_value()) left_.accepted_from = block.accepted_at;
  left_.through = block.last_lsn();
  left_rows_ += block.rows.rows();
  if (block.level == AckLevel::kDatabase || waiters_.size() < kUntoldAfter) {
    waiters_.Add(block.answer, std::move(block.receipt));
  } else {
    untold->push_back(std::move(block.receipt));
  }
}

// Fills the queue with what is left in the journal, as far as it is not committed.
void Pipeline::ReadBack() {
  Lsn next;
  {
    MutexLock lock(mutex_);
    if (window_.has_value()) left_.next = window_->FirstNotCommitted(left_.next);
    next = left_.next;
    if (left_.empty() || !window_.has_value()) {
      reading_back_ = false;
      return;
    }
  }
  absl::StatusOr<std::vector<QueuedBlock>> blocks =
      journal_->Read(next, 2 * options_.batch.bytes_max);
  if (!blocks.ok()) {
    ReadBackFailed(blocks.status());
    return;
  }
  for (QueuedBlock& block : *blocks) block.memory = budget_->Take(block.rows.size_bytes());
  bool failed_before = false;
  {
    MutexLock lock(mutex_);
    reading_back_ = false;
    read_back_backoff_.Reset();
    failed_before = status_.last_error == kReadBackError;
    if (!window_.has_value()) return;  // fenced meanwhile: the next claim tells what is left
    for (QueuedBlock& block : *blocks) {
      if (block.first_lsn() < left_.next) continue;
      // The journal holds more than OnSynced has taken over: that comes into the queue by itself.
      if (block.first_lsn() > left_.through) break;
      left_.next = block.last_lsn() + 1;
      if (!window_->IsCommitted(block.last_lsn())) TakeBack(std::move(block));
    }
  }
  if (failed_before) SetState(PipelineState::kRunning, "");
}

// Too many open files, or a disk that fails for a moment, pass.
void Pipeline::ReadBackFailed(const absl::Status& error) {
  const bool for_good = absl::IsDataLoss(error) || absl::IsOutOfRange(error);
  if (for_good) {
    StopFor(error, KindOfFileError(error));
  } else {
    Log(LogLevel::kWarning, "rows cannot be read back from the journal; trying again",
        {{"table", options_.label}, {"reason", std::string(error.message())}});
    SetState(PipelineState::kRetrying, kReadBackError);
  }
  MutexLock lock(mutex_);
  reading_back_ = false;
  read_back_from_ = clock_->Now() + read_back_backoff_.Next();
}

void Pipeline::TakeBack(QueuedBlock block) {
  const uint64_t rows = block.rows.rows();
  if (block.last_lsn() <= numbered_through_) {
    // LSNs without a row were taken for rows.
    const uint64_t numbers = block.last_lsn() - block.first_lsn() + 1;
    left_rows_ -= numbers;
    const uint64_t recovered = std::min(numbers - rows, status_.recovered_rows);
    status_.recovered_rows -= recovered;
    status_.committed_rows += numbers - rows - recovered;
  } else {
    left_rows_ -= rows;
  }
  // An unchanged schema keeps its identity, so that batches need not be split.
  if (*block.schema == *schema_) block.schema = schema_;
  block.accepted_at = AcceptedAt(block.answer, clock_->Now());
  left_.accepted_from = block.accepted_at;
  batcher_.Add(std::move(block));
}

}  // namespace batchsql
