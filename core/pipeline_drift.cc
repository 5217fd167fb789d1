// The part of Pipeline that fits rows which wait to a table that was altered meanwhile. Rows that
// do not fit pause it: the table may be altered back, or an operator decides.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/cell_value.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/pipeline_flush.h"
#include "core/strings.h"

namespace batchsql {
namespace {

// As of the executors' own pause, for rows that the database refuses by the hundred.
constexpr char kDriftCode[] = "schema_drift";
// How long a decision waits for a connection that flushes have in use.
constexpr std::chrono::seconds kDescribeWaitMax{5};

// Checks a block's rows again, as rows of `to`.
BuiltRows FitRows(const TableSchema& from, const TableSchema& to,
                  const std::vector<std::string>& ignored_columns, RowBlockBuilder& builder,
                  const RowBlock& rows) {
  std::vector<ColumnView> kept;
  for (uint32_t i = 0; i < rows.column_count(); ++i) {
    const ColumnView view = rows.column(i);
    const std::string& name = from.column(view.schema_index()).name;
    const auto ignored = std::find(ignored_columns.begin(), ignored_columns.end(), name);
    if (ignored == ignored_columns.end()) kept.push_back(view);
  }
  builder.StartFrom(to, rows);
  std::vector<Value> elements;
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    for (const ColumnView& view : kept) {
      const Column& column = from.column(view.schema_index());
      const absl::StatusOr<uint32_t> bound = builder.BindColumn(column.name, UINT16_MAX);
      builder.Append(*bound, CellValue(column, view, row, &elements));
    }
    builder.EndRow();
  }
  return builder.Finish();
}

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

// For an operator: names the column, never a value.
std::string WhyUnfit(const RowRejection& rejection, const TableSchema& table) {
  const std::string column = absl::StrCat("column \"", rejection.field, "\"");
  switch (rejection.reason) {
    case RejectReason::kUnknownColumn:
      return absl::StrCat(column, table.FindColumn(rejection.field) < 0
                                      ? " is gone"
                                      : " is computed by the database now");
    case RejectReason::kMissing:
      return absl::StrCat(column, " has no default, and rows that wait have nothing for it");
    default:
      return absl::StrCat(column, " does not take what rows that wait have for it: ",
                          AsAbsl(RejectReasonName(rejection.reason)));
  }
}

}  // namespace

// nullopt: the batch's rows are the present table's. Else the batch is as it was.
std::optional<DatabaseError> Pipeline::FitBatch(Flush& flush) {
  Schema present;
  Decision decision;
  {
    MutexLock lock(mutex_);
    present = schema_;
    flush.decisions_seen = decision_.number;
    if (flush.batch.schema == present) {
      drifts_.erase(flush.slot);
      return std::nullopt;
    }
    decision = decision_;
  }
  std::string drift = Refit(flush, present, decision);
  {
    MutexLock lock(mutex_);
    if (drift.empty()) {
      drifts_.erase(flush.slot);
      return std::nullopt;
    }
    drifts_[flush.slot] = drift;
  }
  metrics_->AttemptFailed(AttemptReason::kPause, Duration(0));
  return DatabaseError{ErrorClass::kPause, kDriftCode, std::move(drift)};
}

// Empty, or why a row does not fit: then nothing is changed.
std::string Pipeline::Refit(Flush& flush, const Schema& present, const Decision& decision) {
  RowBlockBuilder builder;
  std::vector<BuiltRows> fitted;
  for (const QueuedBlock& block : flush.batch.blocks) {
    const bool decided = decision.schema == present && block.last_lsn() <= decision.through;
    fitted.push_back(FitRows(*flush.batch.schema, *present,
                             decided ? decision.ignored_columns : std::vector<std::string>(),
                             builder, block.rows));
    const std::vector<RowRejection>& rejected = fitted.back().rejected;
    if (!decided && !rejected.empty()) return WhyUnfit(rejected.front(), *present);
  }
  Adopt(flush, present, std::move(fitted));
  return "";
}

// Requests of which no row is left stay in the batch: their LSNs are committed with it.
void Pipeline::Adopt(Flush& flush, const Schema& present, std::vector<BuiltRows> fitted) {
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (size_t i = 0; i < fitted.size(); ++i) {
    QueuedBlock& block = flush.batch.blocks[i];
    BuiltRows& built = fitted[i];
    KeepContents(*flush.batch.schema, built.rejected, block);
    std::move(built.rejected.begin(), built.rejected.end(), std::back_inserter(block.refused));
    block.rows = built.block.has_value() ? *std::move(built.block) : RowBlock();
    block.schema = present;
    rows += block.rows.rows();
    bytes += block.rows.size_bytes();
  }
  const uint64_t refused = flush.batch.rows - rows;
  if (refused > 0) {
    Log(LogLevel::kWarning, "rows do not fit the altered table, by an operator's decision",
        {{"table", options_.label}, {"rows", absl::StrCat(refused)}});
  }
  MutexLock lock(mutex_);
  flushing_bytes_ = flushing_bytes_ - flush.batch.bytes + bytes;
  flush.batch.schema = present;
  flush.batch.refused += refused;
  flush.batch.rows = rows;
  flush.batch.bytes = bytes;
}

// Looks whether the table was altered under the batch. One that is again as it was keeps its
// identity: then nothing need be checked.
void Pipeline::Redescribe(const Flush& flush) {
  absl::StatusOr<TableSchema> described = [&] {
    Target::Lease executor = target_->Acquire();
    return executor->Describe(options_.table, options_.rule);
  }();
  if (!described.ok()) return;
  {
    MutexLock lock(mutex_);
    if (*described == *schema_) return;
    schema_ = *described == *flush.batch.schema
                  ? flush.batch.schema
                  : std::make_shared<const TableSchema>(*std::move(described));
  }
  Log(LogLevel::kInfo, "the table was altered; rows are checked again",
      {{"table", options_.label}});
}

absl::Status Pipeline::CheckReconcilable() const {
  if (draining_ || !refusal_.ok()) return ClosedStatus();
  if (status_.state == PipelineState::kStopped) {
    return absl::FailedPreconditionError(CheckAccepting().message());
  }
  if (schema_ != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("table ", options_.label, " was not described by its database yet"));
}

absl::StatusOr<PipelineStatus> Pipeline::Reconcile(std::vector<std::string> ignored_columns) {
  PipelineStatus before = status();
  {
    MutexLock lock(mutex_);
    if (absl::Status status = CheckReconcilable(); !status.ok()) return status;
  }
  absl::StatusOr<TableSchema> described = absl::UnavailableError("no connection is free");
  if (auto executor = target_->AcquireUntil(std::chrono::steady_clock::now() + kDescribeWaitMax);
      executor.has_value()) {
    described = (*executor)->Describe(options_.table, options_.rule);
  }
  if (absl::IsNotFound(described.status())) {
    return absl::FailedPreconditionError(described.status().message());
  }
  if (!described.ok()) return described.status();
  for (const std::string& name : ignored_columns) {
    if (described->FindColumn(name) < 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("the table has a column \"", name,
                                                   "\": only one that it lacks can be ignored"));
  }
  Log(LogLevel::kWarning, "an operator decides on rows that do not fit the altered table",
      {{"table", options_.label}, {"ignored_columns", absl::StrJoin(ignored_columns, ",")}});
  MutexLock lock(mutex_);
  if (absl::Status status = CheckReconcilable(); !status.ok()) return status;
  if (!(*described == *schema_)) {
    schema_ = std::make_shared<const TableSchema>(*std::move(described));
  }
  decision_ = {decision_.number + 1, next_lsn_ - 1, schema_, std::move(ignored_columns)};
  wake_.NotifyAll();
  return before;
}

// Rows of another flush may wait for a person still.
void Pipeline::SetStateAfterCommit() {
  bool drifts = false;
  {
    MutexLock lock(mutex_);
    drifts = !drifts_.empty();
  }
  if (drifts) {
    SetState(PipelineState::kPaused, kDriftCode, ErrorClass::kPause);
  } else {
    SetState(PipelineState::kRunning, "");
  }
}

}  // namespace batchsql
