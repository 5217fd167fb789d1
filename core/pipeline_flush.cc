// The part of Pipeline that takes one batch to its end: attempts, commits, answers.

#include "core/pipeline_flush.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/fault_point.h"
#include "core/faulty_write.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/slot_totals.h"
#include "core/strings.h"

namespace batchsql {
namespace {

std::vector<const RowBlock*> BlocksOf(const Batch& batch) {
  std::vector<const RowBlock*> blocks;
  blocks.reserve(batch.blocks.size());
  for (const QueuedBlock& block : batch.blocks) blocks.push_back(&block.rows);
  return blocks;
}

RowRejection ToRejection(const RowBlock& block, const RowFailure& failure) {
  return {block.source_row(failure.row.row), failure.error.column, failure.error.reason,
          RefusalDetail(failure.error.code)};
}

// One line for each code, however many rows it met.
void LogFailures(const std::string& table, const std::vector<RowFailure>& failures) {
  std::map<std::string, uint64_t> rows_by_code;
  for (const RowFailure& failure : failures) ++rows_by_code[failure.error.code];
  for (const auto& [code, rows] : rows_by_code) {
    Log(LogLevel::kWarning, "the database refused rows",
        {{"table", table}, {"code", code}, {"rows", absl::StrCat(rows)}});
  }
}

AttemptReason ReasonOfFailure(const WriteOutcome& outcome) {
  if (outcome.kind == WriteOutcome::Kind::kInDoubt) return AttemptReason::kInDoubt;
  if (outcome.kind == WriteOutcome::Kind::kFenced) return AttemptReason::kFenced;
  if (outcome.kind == WriteOutcome::Kind::kProducerMoved) return AttemptReason::kProducerMoved;
  switch (outcome.error.error_class) {
    case ErrorClass::kRetry:
      return AttemptReason::kTransient;
    case ErrorClass::kReconnect:
      return AttemptReason::kConnection;
    case ErrorClass::kPause:
      return AttemptReason::kPause;
    case ErrorClass::kFatal:
      return AttemptReason::kFatal;
    default:
      return AttemptReason::kUnknown;
  }
}

std::optional<RowDigest> DigestOf(const WritePlan& plan, bool exclusive) {
  if (!exclusive) return std::nullopt;
  RowDigest digest;
  RowDigester digester(*plan.schema);
  for (const RowBlock* block : plan.blocks) digest += digester.OfBlock(*block);
  return digest;
}

double MillisecondsBetween(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

void Pipeline::RunFlush(Work work) {
  const uint64_t seed = work.batch.first_lsn();
  const TimePoint accepted_from = work.batch.blocks.front().accepted_at;
  Flush flush{std::move(work.batch), work.slot, clock_->Now(),
              Backoff(options_.backoff_base, options_.backoff_max, seed),
              Backoff(std::chrono::seconds(1), options_.probe_interval_max, seed)};
  flush.held = std::move(work.held);
  while (!AnswerIfStopped(flush) && Attempt(flush) == AttemptResult::kAgain) {
  }
  MutexLock lock(mutex_);
  target_producers_.Release(flush.held);
  drifts_.erase(flush.slot);
  if (window_.has_value()) window_->GiveBackSlot(flush.slot);
  --flushing_;
  if (flush.was_connected) --connected_flushes_;
  HurryJournal();
  flushing_since_.erase(flushing_since_.find(accepted_from));
}

// What was queued when the pipeline stopped. True: answered.
bool Pipeline::AnswerIfStopped(Flush& flush) {
  absl::Status status;
  {
    MutexLock lock(mutex_);
    if (status_.state != PipelineState::kStopped) return false;
    status = GivenUpStatus();
  }
  AnswerFlush(flush, status);
  return true;
}

// nullopt: another flush found out that the pipeline is fenced.
std::optional<FlushProgress> Pipeline::BeginAttempt(const Flush& flush) {
  MutexLock lock(mutex_);
  if (!window_.has_value()) return std::nullopt;
  const uint64_t attempt = attempts_() >> 1;  // fits a signed integer
  return FlushProgress{
      window_->Move(id_, flush.slot, flush.batch.first_lsn(), flush.batch.last_lsn(), attempt),
      flush.moves,
      {},
      flush.batch.refused};
}

Target::Lease Pipeline::LeaseConnection(Flush& flush) {
  Target::Lease lease = target_->Acquire();
  MutexLock lock(mutex_);
  if (!std::exchange(flush.was_connected, true)) ++connected_flushes_;
  HurryJournal();
  return lease;
}

Pipeline::AttemptResult Pipeline::Attempt(Flush& flush) {
  if (const auto error = FitBatch(flush); error.has_value()) return HandleFailure(flush, *error);
  if (const auto error = PrepareProducers(flush); error.has_value()) {
    return HandleFailure(flush, *error);
  }
  WritePlan plan = PlanWrite(flush.batch.schema, BlocksOf(flush.batch));
  plan.digest = DigestOf(plan, options_.exclusive);
  if (letters_ != nullptr) letters_->Prepare();
  std::optional<FlushProgress> progress = BeginAttempt(flush);
  if (!progress.has_value()) return HandleFenced(flush);
  const uint64_t attempt = progress->slot.after.attempt;
  if (absl::Status kept = KeepUnfit(flush, attempt); !kept.ok()) {
    DropLetters(attempt);
    metrics_->AttemptFailed(AttemptReason::kDeadLetters, Duration(0));
    return HandleFailure(flush, {ErrorClass::kPause, "dead_letters", std::string(kept.message())});
  }
  progress->letters = ChangesOf(flush, attempt);
  WriteOutcome outcome;
  TimePoint begun;
  {
    Target::Lease executor = LeaseConnection(flush);
    begun = clock_->Now();
    const auto keep = [&](absl::Span<const RowFailure> failures, LetterChanges* changes) {
      return KeepRefused(flush, attempt, failures, changes);
    };
    outcome = FaultyWrite(*executor, plan, *progress, keep);
    // The connection is kept: it knows the session that was lost.
    if (outcome.kind == WriteOutcome::Kind::kInDoubt) {
      ResolveDoubt(flush, *executor, *progress, &outcome);
    }
  }
  const Duration duration = clock_->Now() - begun;
  NoteMoves(flush, outcome.kind);
  if (outcome.kind == WriteOutcome::Kind::kCommitted) {
    metrics_->AttemptSucceeded(duration);
    progress->slot.after.totals =
        TotalsAfter(plan, *progress, outcome.failures, outcome.coalesced_rows);
    if (ConfirmLetters(flush, attempt)) {
      Commit(flush, *progress, outcome);
    } else {
      AnswerFlush(flush, StoppingStatus());
    }
    return AttemptResult::kAnswered;
  }
  CountFailure(flush, outcome, duration);
  // A fenced attempt may have been in doubt: the claim tells what became of its letters.
  const bool is_settled_later =
      outcome.kind == WriteOutcome::Kind::kInDoubt || outcome.kind == WriteOutcome::Kind::kFenced;
  if (!is_settled_later) DropLetters(attempt);
  switch (outcome.kind) {
    case WriteOutcome::Kind::kInDoubt:
      AnswerFlush(flush, journal_ != nullptr
                             ? StoppingStatus()
                             : absl::AbortedError("the answer to the commit did not come; the rows "
                                                  "may or may not be in the table"));
      return AttemptResult::kAnswered;
    case WriteOutcome::Kind::kFenced:
      return HandleFenced(flush);
    case WriteOutcome::Kind::kLetterGone:
      return GiveUpReplays(flush);
    case WriteOutcome::Kind::kProducerMoved:
      return HandleProducerMoved(flush);
    default:
      return HandleFailure(flush, outcome.error);
  }
}

void Pipeline::CountFailure(const Flush& flush, const WriteOutcome& outcome, Duration duration) {
  const AttemptReason reason = flush.order_due ? AttemptReason::kOrder : ReasonOfFailure(outcome);
  metrics_->AttemptFailed(reason, duration);
}

// Asks until it is known on which side of the commit the slot's row is; gives up when the
// shutdown's deadline comes first.
void Pipeline::ResolveDoubt(Flush& flush, Executor& executor, const FlushProgress& progress,
                            WriteOutcome* outcome) {
  Log(LogLevel::kWarning, "the answer to a commit did not come; asking the target",
      {{"table", options_.label},
       {"code", outcome->error.code},
       {"rows", absl::StrCat(flush.batch.rows)}});
  Backoff backoff(options_.backoff_base, options_.backoff_max, progress.slot.after.attempt);
  while (true) {
    const absl::StatusOr<Resolution> resolution = executor.Resolve(progress.slot);
    if (resolution.ok() && *resolution == Resolution::kCommitted && Sabotage("blind-retry")) {
      MutexLock lock(mutex_);
      window_->Committed(progress.slot);
      outcome->kind = WriteOutcome::Kind::kNotCommitted;
      outcome->error.error_class = ErrorClass::kReconnect;
      return;
    }
    if (resolution.ok()) {
      outcome->kind = *resolution == Resolution::kCommitted ? WriteOutcome::Kind::kCommitted
                      : *resolution == Resolution::kFenced  ? WriteOutcome::Kind::kFenced
                                                            : WriteOutcome::Kind::kNotCommitted;
      outcome->error.error_class = ErrorClass::kReconnect;
      return;
    }
    const bool away = absl::IsUnavailable(resolution.status());
    SetState(away ? PipelineState::kRetrying : PipelineState::kPaused, outcome->error.code);
    if (!WaitBeforeRetry(away ? backoff.Next() : flush.probes.Next())) return;
  }
}

// The slot's row is not as this pipeline left it: another daemon took the pipeline over, or the
// target was restored. The next claim finds out.
Pipeline::AttemptResult Pipeline::HandleFenced(Flush& flush) {
  Log(LogLevel::kError, "a flush was fenced", {{"table", options_.label}});
  SetState(PipelineState::kRetrying, "fenced");
  MutexLock lock(mutex_);
  flushing_rows_ -= flush.batch.pending_rows();
  flushing_bytes_ -= flush.batch.bytes;
  batcher_.PutBack(std::move(flush.batch.blocks));
  if (window_.has_value()) {
    window_.reset();
    opens_.push_back({});
  }
  return AttemptResult::kAnswered;
}

void Pipeline::Commit(Flush& flush, const FlushProgress& progress, const WriteOutcome& outcome) {
  Batch& batch = flush.batch;
  if (!outcome.failures.empty()) LogFailures(options_.label, outcome.failures);
  for (const RowFailure& failure : outcome.failures) {
    QueuedBlock& block = batch.blocks[failure.row.block];
    block.refused.push_back(ToRejection(block.rows, failure));
  }
  for (QueuedBlock& block : batch.blocks) {
    std::sort(block.refused.begin(), block.refused.end(),
              [](const RowRejection& a, const RowRejection& b) { return a.row < b.row; });
  }
  const uint64_t failures = outcome.failures.size();
  const uint64_t committed = batch.rows - failures - outcome.coalesced_rows;
  const uint64_t refused = failures + batch.refused;
  Lsn trim = 0;
  {
    MutexLock lock(mutex_);
    status_.coalesced_rows += outcome.coalesced_rows;
    status_.committed_rows += committed;
    status_.dead_lettered_rows += refused;
    for (const QueuedBlock& block : batch.blocks) {
      CountByReason(block.refused, &status_.dead_lettered_by_reason);
    }
    status_.deduplicated_rows += batch.deduplicated;
    flushing_rows_ -= batch.pending_rows();
    flushing_bytes_ -= batch.bytes;
    if (window_.has_value()) {
      window_->Committed(progress.slot);
      trim = TrimmableLsn();
    }
    CountEnded(committed, refused);
    Tune(flush, outcome);
    // Together: a repeated request that finds the rows committed is told what was refused of them.
    for (const QueuedBlock& block : batch.blocks) {
      if (block.answer.producer_id.empty() || block.refused.empty()) continue;
      producers_.SetRefused(block.answer.producer_id, block.answer.sequence, block.refused);
    }
    if (letters_ != nullptr && letters_->in_target()) EndReplays(batch);
  }
  metrics_->FlushCommitted(batch.rows, committed,
                           MillisecondsBetween(flush.started, clock_->Now()));
  ObserveCommit(batch);
  SetStateAfterCommit();
  AnswerCommitted(batch);
  if (journal_ != nullptr) journal_->Trim(trim);
}

// What retries and refused rows cost says nothing about the size of a batch.
void Pipeline::Tune(const Flush& flush, const WriteOutcome& outcome) {
  if (!tuner_.has_value()) return;
  const bool undisturbed = flush.failures == 0 && flush.unknown_errors == 0 && outcome.error.ok() &&
                           outcome.failures.empty();
  tuner_->Committed(
      {flush.batch.rows, flush.batch.bytes, undisturbed, flush.started, clock_->Now()});
  batcher_.SetLimits(tuner_->rows_max(), tuner_->linger());
}

void Pipeline::ObserveCommit(const Batch& batch) {
  const TimePoint now = clock_->Now();
  std::vector<RowsLatency> latencies;
  latencies.reserve(batch.blocks.size());
  for (const QueuedBlock& block : batch.blocks) {
    const std::chrono::duration<double> waited = now - block.accepted_at;
    latencies.push_back({block.rows.rows(), waited.count()});
  }
  metrics_->RowsCommitted(latencies);
}

void Pipeline::AnswerCommitted(Batch& batch) {
  for (QueuedBlock& block : batch.blocks) {
    const RequestAnswer& answer = block.answer;
    const bool kept = !answer.producer_id.empty() && !block.refused.empty();
    std::vector<CommitWaiters::Waiter> waiters;
    {
      MutexLock lock(mutex_);
      waiters = waiters_.Take(block.first_lsn(), block.last_lsn());
    }
    if (kept && journal_ != nullptr) {
      journal_->AppendRefused(answer.producer_id, answer.sequence, block.refused).IgnoreError();
    }
    block.memory.Release();
    const RequestOutcome outcome{absl::OkStatus(), std::move(block.refused), false};
    for (CommitWaiters::Waiter& waiter : waiters) waiter.receipt.Finish(outcome);
    block.receipt.Finish(outcome);
  }
}

// A client that has its answer no longer finds its rows in the status.
void Pipeline::AnswerFlush(Flush& flush, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    flushing_rows_ -= flush.batch.pending_rows();
    flushing_bytes_ -= flush.batch.bytes;
    if (journal_ == nullptr) {
      status_.deduplicated_rows += std::exchange(flush.batch.deduplicated, 0);
    }
  }
  flush.batch.rows = flush.batch.pending_rows();
  flush.batch.refused = flush.batch.deduplicated = 0;
  AnswerAll(flush.batch, status);
}

// Rows that are in the journal are not given up, only their answers.
void Pipeline::AnswerAll(Batch& batch, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    (journal_ != nullptr ? left_rows_ : status_.lost_rows) += batch.rows;
  }
  if (journal_ == nullptr) ReportLost(batch);
  for (QueuedBlock& block : batch.blocks) {
    block.memory.Release();
    block.receipt.Finish({status, std::move(block.refused), false});
  }
}

void Pipeline::ReportLost(const Batch& batch) {
  uint64_t lost = 0;
  for (const QueuedBlock& block : batch.blocks) {
    if (block.level == AckLevel::kMemory) lost += block.rows.rows();
  }
  if (lost == 0) return;
  {
    MutexLock lock(mutex_);
    CountEnded(0, lost);
  }
  Log(LogLevel::kError, "rows acknowledged at level MEMORY are lost",
      {{"table", options_.label}, {"rows", absl::StrCat(lost)}});
}

// False when the shutdown's deadline came first. A decision that was not seen ends the wait.
bool Pipeline::WaitBeforeRetry(Duration wait, std::optional<uint64_t> decisions_seen) {
  BeginWait();
  const TimePoint until = clock_->Now() + wait;
  MutexLock lock(mutex_);
  TimePoint now = clock_->Now();
  while (now < until && !(draining_ && now >= drain_deadline_) &&
         decisions_seen.value_or(decision_.number) == decision_.number) {
    clock_->WaitUntil(wake_, mutex_, draining_ ? std::min(until, drain_deadline_) : until);
    now = clock_->Now();
  }
  --waiting_flushes_;
  return !(draining_ && now >= drain_deadline_);
}

// The table is looked at when no flush is under way, and this one may be for as long as the
// database is away: who asks is told so now.
void Pipeline::BeginWait() {
  std::deque<OpenRequest> asked;
  {
    MutexLock lock(mutex_);
    ++waiting_flushes_;  // from here on Open refuses
    const auto first_asked = std::stable_partition(
        opens_.begin(), opens_.end(), [](const OpenRequest& open) { return !open.callback; });
    std::move(first_asked, opens_.end(), std::back_inserter(asked));
    opens_.erase(first_asked, opens_.end());
  }
  for (OpenRequest& open : asked) open.callback(FlushWaitsStatus());
}

absl::Status Pipeline::FlushWaitsStatus() {
  return absl::UnavailableError("rows wait for the database, which is away or refuses them");
}

}  // namespace batchsql
