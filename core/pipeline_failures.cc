// The part of Pipeline that decides what follows a failed attempt: waits, probes, smaller batches,
// and rows that are checked again against a table that was altered.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/cell_value.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/pipeline_flush.h"
#include "core/row_block_builder.h"

namespace batchsql {
namespace {

constexpr int kFailuresBeforeHalving = 3;
constexpr int kUnknownErrorsBeforePause = 5;

// Of rows that are about to leave the block.
void KeepContents(const TableSchema& schema, const std::vector<RowRejection>& rejected,
                  QueuedBlock& block) {
  uint32_t row = 0;
  for (const RowRejection& rejection : rejected) {
    while (block.rows.source_row(row) != rejection.row) ++row;
    DeadLetter letter = LetterOfRow(block.answer, schema, block.rows, row);
    letter.reason = rejection.reason;
    letter.column = rejection.field;
    letter.detail = rejection.detail;
    block.letters.push_back(std::move(letter));
  }
}

// Checks the block's rows again, against a table that was altered.
void RebuildBlock(const TableSchema& from, const TableSchema& to, RowBlockBuilder& builder,
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
  KeepContents(from, built.rejected, block);
  std::move(built.rejected.begin(), built.rejected.end(), std::back_inserter(block.refused));
  block.rows = built.block.has_value() ? *std::move(built.block) : RowBlock();
}

}  // namespace

Pipeline::AttemptResult Pipeline::HandleFailure(Flush& flush, const DatabaseError& error) {
  if (std::exchange(flush.order_due, false)) {
    return Retry(flush, {ErrorClass::kReconnect, "order", "", RejectReason::kNone, ""});
  }
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
  SetState(PipelineState::kRetrying, error.code, error.error_class);
  // A connection that is away says nothing about the batch's size.
  const bool about_size = error.error_class == ErrorClass::kRetry;
  if (about_size && ++flush.failures % kFailuresBeforeHalving == 0) Halve(flush);
  if (WaitBeforeRetry(flush.backoff.Next())) return AttemptResult::kAgain;
  AnswerFlush(flush, StoppingStatus());
  return AttemptResult::kAnswered;
}

Pipeline::AttemptResult Pipeline::Probe(Flush& flush, const DatabaseError& error) {
  SetState(PipelineState::kPaused, error.code, error.error_class);
  if (!WaitBeforeRetry(flush.probes.Next())) {
    AnswerFlush(flush, StoppingStatus());
    return AttemptResult::kAnswered;
  }
  Redescribe(flush);
  return AttemptResult::kAgain;
}

Pipeline::AttemptResult Pipeline::Stop(Flush& flush, const DatabaseError& error) {
  {
    MutexLock lock(mutex_);
    if (status_.state != PipelineState::kStopped) {
      status_.stop_kind = StopKind::kDatabase;
      status_.reason = error.code;
    }
  }
  SetState(PipelineState::kStopped, error.code, error.error_class);
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
  uint64_t refused = 0;
  uint64_t deduplicated = 0;
  uint64_t bytes = 0;
  for (const QueuedBlock& block : second) {
    rows += block.rows.rows();
    refused += block.letters.size();
    deduplicated += block.deduplicated;
    bytes += block.rows.size_bytes();
  }
  flush.batch.rows -= rows;
  flush.batch.refused -= refused;
  flush.batch.deduplicated -= deduplicated;
  flush.batch.bytes -= bytes;
  MutexLock lock(mutex_);
  flushing_rows_ -= rows + refused + deduplicated;
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

// Requests of which no row is left stay in the batch: their LSNs are committed with it.
void Pipeline::AdoptSchema(Flush& flush, const Schema& schema) {
  RowBlockBuilder builder;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (QueuedBlock& block : flush.batch.blocks) {
    RebuildBlock(*flush.batch.schema, *schema, builder, block);
    block.schema = schema;
    rows += block.rows.rows();
    bytes += block.rows.size_bytes();
  }
  MutexLock lock(mutex_);
  flushing_bytes_ = flushing_bytes_ - flush.batch.bytes + bytes;
  flush.batch.schema = schema;
  flush.batch.refused += flush.batch.rows - rows;
  flush.batch.rows = rows;
  flush.batch.bytes = bytes;
}

}  // namespace batchsql
