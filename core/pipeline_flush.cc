// The part of Pipeline that takes one batch to its end: attempts, waits, answers.

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/backoff.h"
#include "core/cell_value.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/row_block_builder.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr int kFailuresBeforeHalving = 3;
constexpr int kUnknownErrorsBeforePause = 5;

std::vector<const RowBlock*> BlocksOf(const Batch& batch) {
  std::vector<const RowBlock*> blocks;
  blocks.reserve(batch.blocks.size());
  for (const QueuedBlock& block : batch.blocks) blocks.push_back(&block.rows);
  return blocks;
}

// Checks the block's rows again, against a table that was altered. False when none is left.
bool RebuildBlock(const TableSchema& from, const TableSchema& to, RowBlockBuilder& builder,
                  QueuedBlock& block) {
  builder.StartFrom(to, block.rows);
  std::vector<Value> elements;
  for (uint32_t row = 0; row < block.rows.rows(); ++row) {
    for (uint32_t i = 0; i < block.rows.column_count(); ++i) {
      const ColumnView view = block.rows.column(i);
      const Column& column = from.column(view.schema_index());
      const absl::StatusOr<uint32_t> bound = builder.BindColumn(column.name, UINT16_MAX);
      builder.Append(*bound, CellValue(column, view, row, &elements));
    }
    builder.EndRow();
  }
  BuiltRows built = builder.Finish();
  std::move(built.rejected.begin(), built.rejected.end(), std::back_inserter(block.refused));
  if (!built.block.has_value()) return false;
  block.rows = *std::move(built.block);
  return true;
}

RowRejection ToRejection(const RowBlock& block, const RowFailure& failure) {
  return {block.source_row(failure.row.row), failure.error.column, failure.error.reason,
          absl::StrCat("the database refused the row: ", failure.error.code)};
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

double MillisecondsBetween(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

struct Pipeline::Flush {
  Batch batch;
  TimePoint started;
  Backoff backoff;
  Backoff probes;
  int failures = 0;
  int unknown_errors = 0;
};

void Pipeline::RunFlush(Batch batch) {
  const uint64_t seed = batch.blocks.front().first_lsn;
  Flush flush{std::move(batch), clock_->Now(),
              Backoff(options_.backoff_base, options_.backoff_max, seed),
              Backoff(std::chrono::seconds(1), options_.probe_interval_max, seed)};
  if (const Schema current = schema(); flush.batch.schema != current) AdoptSchema(flush, current);
  while (!flush.batch.blocks.empty() && !AnswerIfStopped(flush) &&
         Attempt(flush) == AttemptResult::kAgain) {
  }
  MutexLock lock(mutex_);
  --flushing_;
  wake_.NotifyAll();
}

// What was queued when the pipeline stopped. True: answered.
bool Pipeline::AnswerIfStopped(Flush& flush) {
  std::string code;
  {
    MutexLock lock(mutex_);
    if (status_.state != PipelineState::kStopped) return false;
    code = status_.last_error;
  }
  AnswerFlush(flush, absl::UnavailableError(absl::StrCat("the pipeline of table ", options_.label,
                                                         " stopped: ", code)));
  return true;
}

Pipeline::AttemptResult Pipeline::Attempt(Flush& flush) {
  const WritePlan plan = PlanWrite(flush.batch.schema, BlocksOf(flush.batch));
  WriteOutcome outcome;
  {
    Target::Lease executor = target_->Acquire();
    outcome = executor->Write(plan);
  }
  if (outcome.kind == WriteOutcome::Kind::kCommitted) {
    metrics_->AttemptSucceeded();
    Commit(flush, outcome);
    return AttemptResult::kAnswered;
  }
  metrics_->AttemptFailed();
  if (outcome.kind == WriteOutcome::Kind::kNotCommitted) return HandleFailure(flush, outcome.error);

  Log(LogLevel::kError, "the answer to a commit did not come; the rows may or may not be written",
      {{"table", options_.label},
       {"code", outcome.error.code},
       {"rows", absl::StrCat(flush.batch.rows)}});
  AnswerFlush(flush, absl::AbortedError("the answer to the commit did not come; the rows may "
                                        "or may not be in the table"));
  return AttemptResult::kAnswered;
}

Pipeline::AttemptResult Pipeline::HandleFailure(Flush& flush, const DatabaseError& error) {
  Log(LogLevel::kWarning, "flush failed",
      {{"table", options_.label},
       {"class", std::string(ErrorClassName(error.error_class))},
       {"code", error.code},
       {"reason", error.message},
       {"rows", absl::StrCat(flush.batch.rows)}});
  switch (error.error_class) {
    case ErrorClass::kRetry:
    case ErrorClass::kReconnect:
      return Retry(flush, error);
    case ErrorClass::kPause:
      return Probe(flush, error);
    case ErrorClass::kFatal:
      return Stop(flush, error);
    default:
      return ++flush.unknown_errors <= kUnknownErrorsBeforePause ? Retry(flush, error)
                                                                 : Probe(flush, error);
  }
}

Pipeline::AttemptResult Pipeline::Retry(Flush& flush, const DatabaseError& error) {
  SetState(PipelineState::kRetrying, error.code);
  // A connection that is away says nothing about the batch's size.
  const bool about_size = error.error_class == ErrorClass::kRetry;
  if (about_size && ++flush.failures % kFailuresBeforeHalving == 0) Halve(flush);
  if (WaitBeforeRetry(flush.backoff.Next())) return AttemptResult::kAgain;
  AnswerFlush(flush, absl::UnavailableError("the daemon stopped before the rows were written"));
  return AttemptResult::kAnswered;
}

Pipeline::AttemptResult Pipeline::Probe(Flush& flush, const DatabaseError& error) {
  SetState(PipelineState::kPaused, error.code);
  if (!WaitBeforeRetry(flush.probes.Next())) {
    AnswerFlush(flush, absl::UnavailableError("the daemon stopped before the rows were written"));
    return AttemptResult::kAnswered;
  }
  Redescribe(flush);
  // No row is left that could show whether the table works again: the next ones will.
  if (flush.batch.blocks.empty()) SetState(PipelineState::kRunning, "");
  return AttemptResult::kAgain;
}

Pipeline::AttemptResult Pipeline::Stop(Flush& flush, const DatabaseError& error) {
  SetState(PipelineState::kStopped, error.code);
  AnswerIfStopped(flush);
  return AttemptResult::kAnswered;
}

// Puts the second half of the blocks back in front of the queue.
void Pipeline::Halve(Flush& flush) {
  std::vector<QueuedBlock>& blocks = flush.batch.blocks;
  if (blocks.size() < 2) return;
  const auto middle = blocks.begin() + static_cast<std::ptrdiff_t>(blocks.size() / 2);
  std::vector<QueuedBlock> second(std::make_move_iterator(middle),
                                  std::make_move_iterator(blocks.end()));
  blocks.erase(middle, blocks.end());
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (const QueuedBlock& block : second) {
    rows += block.rows.rows();
    bytes += block.rows.size_bytes();
  }
  flush.batch.rows -= rows;
  flush.batch.bytes -= bytes;
  MutexLock lock(mutex_);
  flushing_rows_ -= rows;
  flushing_bytes_ -= bytes;
  batcher_.PutBack(std::move(second));
}

// Looks whether the table was altered under the batch.
void Pipeline::Redescribe(Flush& flush) {
  absl::StatusOr<TableSchema> described = [&] {
    Target::Lease executor = target_->Acquire();
    return executor->Describe(options_.table, options_.rule);
  }();
  if (!described.ok() || *described == *flush.batch.schema) return;
  auto schema = std::make_shared<const TableSchema>(*std::move(described));
  {
    MutexLock lock(mutex_);
    schema_ = schema;
  }
  Log(LogLevel::kInfo, "the table was altered; rows are checked again",
      {{"table", options_.label}});
  AdoptSchema(flush, schema);
}

void Pipeline::AdoptSchema(Flush& flush, const Schema& schema) {
  RowBlockBuilder builder;
  std::vector<QueuedBlock> kept;
  std::vector<QueuedBlock> emptied;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (QueuedBlock& block : flush.batch.blocks) {
    const bool left = RebuildBlock(*flush.batch.schema, *schema, builder, block);
    block.schema = schema;
    if (left) {
      rows += block.rows.rows();
      bytes += block.rows.size_bytes();
    }
    (left ? kept : emptied).push_back(std::move(block));
  }
  const uint64_t refused = flush.batch.rows - rows;
  flush.batch.blocks = std::move(kept);
  flush.batch.schema = schema;
  {
    MutexLock lock(mutex_);
    flushing_rows_ -= refused;
    flushing_bytes_ = flushing_bytes_ - flush.batch.bytes + bytes;
    status_.failed_rows += refused;
  }
  flush.batch.rows = rows;
  flush.batch.bytes = bytes;
  if (refused > 0) metrics_->RowsRefused(refused);
  for (QueuedBlock& block : emptied) block.receipt.Finish({absl::OkStatus(), block.refused});
}

void Pipeline::Commit(Flush& flush, const WriteOutcome& outcome) {
  Batch& batch = flush.batch;
  if (!outcome.failures.empty()) LogFailures(options_.label, outcome.failures);
  for (const RowFailure& failure : outcome.failures) {
    QueuedBlock& block = batch.blocks[failure.row.block];
    block.refused.push_back(ToRejection(block.rows, failure));
  }
  const uint64_t refused = outcome.failures.size();
  const uint64_t committed = batch.rows - refused - outcome.coalesced_rows;
  {
    MutexLock lock(mutex_);
    status_.coalesced_rows += outcome.coalesced_rows;
    status_.committed_rows += committed;
    status_.failed_rows += refused;
    flushing_rows_ -= batch.rows;
    flushing_bytes_ -= batch.bytes;
  }
  metrics_->FlushCommitted(batch.rows, committed, refused,
                           MillisecondsBetween(flush.started, clock_->Now()));
  SetState(PipelineState::kRunning, "");
  for (QueuedBlock& block : batch.blocks) {
    std::sort(block.refused.begin(), block.refused.end(),
              [](const RowRejection& a, const RowRejection& b) { return a.row < b.row; });
    block.memory.Release();
    block.receipt.Finish({absl::OkStatus(), std::move(block.refused)});
  }
}

// A client that has its answer no longer finds its rows in the status.
void Pipeline::AnswerFlush(Flush& flush, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    flushing_rows_ -= flush.batch.rows;
    flushing_bytes_ -= flush.batch.bytes;
  }
  AnswerAll(flush.batch, status);
}

void Pipeline::AnswerAll(Batch& batch, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    status_.failed_rows += batch.rows;
  }
  uint64_t lost = 0;
  for (const QueuedBlock& block : batch.blocks) {
    if (block.level == AckLevel::kMemory) lost += block.rows.rows();
  }
  if (lost > 0) {
    metrics_->RowsLost(lost);
    Log(LogLevel::kError, "rows acknowledged at level MEMORY are lost",
        {{"table", options_.label}, {"rows", absl::StrCat(lost)}});
  }
  for (QueuedBlock& block : batch.blocks) {
    block.memory.Release();
    block.receipt.Finish({status, std::move(block.refused)});
  }
}

// False when the shutdown's deadline came first.
bool Pipeline::WaitBeforeRetry(Duration wait) {
  const TimePoint until = clock_->Now() + wait;
  MutexLock lock(mutex_);
  while (true) {
    const TimePoint now = clock_->Now();
    if (draining_ && now >= drain_deadline_) return false;
    if (now >= until) return true;
    clock_->WaitUntil(wake_, mutex_, draining_ ? std::min(until, drain_deadline_) : until);
  }
}

}  // namespace batchsql
