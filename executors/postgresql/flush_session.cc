#include "executors/postgresql/flush_session.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/errors.h"
#include "executors/postgresql/native_types.h"
#include "executors/postgresql/statements.h"
#include "executors/shared/letter_table.h"
#include "executors/shared/table_contents.h"

namespace batchsql::postgresql {
namespace {

constexpr char kSavepoint[] = "batchsql_rows";

// Every column that any of the plan's rows carries.
std::vector<uint16_t> CarriedByPlan(const WritePlan& plan) {
  std::set<uint16_t> columns;
  for (const RowBlock* block : plan.blocks) {
    for (uint32_t i = 0; i < block->column_count(); ++i)
      columns.insert(block->column(i).schema_index());
  }
  return {columns.begin(), columns.end()};
}

// Arrays lie whole in memory, here and on the server.
constexpr size_t kArraysBytesMax = 1 << 20;

// Of the blocks that the ranges lie in, whole.
size_t BlockBytes(const WritePlan& plan, absl::Span<const RowRange> ranges) {
  std::vector<bool> counted(plan.blocks.size());
  size_t bytes = 0;
  for (const RowRange& range : ranges) {
    if (counted[range.block]) continue;
    counted[range.block] = true;
    bytes += plan.blocks[range.block]->size_bytes();
  }
  return bytes;
}

bool HaveArrayTypes(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  return std::all_of(columns.begin(), columns.end(), [&](uint16_t index) {
    return ArrayOidOf(schema.column(index).native_id) != 0;
  });
}

// COPY knows no conflicts, and does not write through a view.
bool IsStaged(const TableSchema& schema) {
  return schema.conflict() != Conflict::kInsert || schema.weakness() == TableWeakness::kView;
}

DatabaseError NoTransaction() {
  return {
      ErrorClass::kRetry, std::string(kNoTransactionCode), "the transaction has failed", {}, {}};
}

}  // namespace

WriteOutcome FlushSession::Write(const WritePlan& plan, const FlushProgress& progress,
                                 KeepFailures keep) {
  plan_ = &plan;
  is_first_attempt_ = true;
  pinned_columns_ = CarriedByPlan(plan);
  WriteOutcome outcome = RunWrite(*this, plan, progress, keep);
  connection_ = nullptr;
  return outcome;
}

DatabaseError FlushSession::Connected() {
  DatabaseError error;
  std::tie(connection_, error) = connect_();
  return error;
}

// One round trip: BEGIN, the settings, the slot, the types and, as RunWrite's first attempt goes
// straight on with the first group, the beginning of that group's COPY. No row is sent before the
// slot has moved and the types are those that are expected.
DatabaseError FlushSession::Begin(const SlotMove& move, bool* moved) {
  copy_is_begun_ = false;
  savepoint_is_set_ = false;
  stages_.clear();
  stages_made_ = 0;
  last_transaction_ = {};
  if (DatabaseError error = Connected(); !error.ok()) return error;
  std::string sql =
      absl::StrCat(BeginTransaction(statement_timeout_ms_), "; ", MoveSlotSql(kOwnTables, move),
                   " RETURNING ", TransactionColumns());
  if (!plan_->groups.empty()) {
    const WriteGroup& first = plan_->groups.front();
    const Path path = PathOf(*plan_, first.columns, first.rows);
    absl::StrAppend(&sql, "; ", PinTypes(*plan_->schema, pinned_columns_));
    copy_is_begun_ =
        std::exchange(is_first_attempt_, false) && (path == Path::kCopy || path == Path::kStage);
    if (copy_is_begun_) absl::StrAppend(&sql, "; ", CopySql(*plan_->schema, first.columns));
  }
  std::vector<Result> results;
  DatabaseError error = connection_->Run(sql, &results);
  copy_is_begun_ = copy_is_begun_ && error.ok();
  error = ReadBegun(results, std::move(error), moved);
  if (copy_is_begun_ && !(error.ok() && *moved)) connection_->RefuseCopy();
  return error;
}

// What Begin's statements have answered; `error` is that of the first one that failed.
DatabaseError FlushSession::ReadBegun(const std::vector<Result>& results, DatabaseError error,
                                      bool* moved) {
  // The first result with columns is the slot's, whatever became of the statements behind it.
  const auto slot = std::find_if(results.begin(), results.end(),
                                 [](const Result& result) { return ColumnCount(result) > 0; });
  if (slot == results.end()) return error;
  *moved = RowCount(*slot) == 1;
  if (!*moved) return {};
  last_transaction_ = {std::string(CellText(*slot, 0, 0)), std::string(CellText(*slot, 0, 1))};
  const auto pinned = std::next(slot);
  if (pinned == results.end()) return error;
  DatabaseError changed = CheckPinned(*pinned);
  return changed.ok() ? error : changed;
}

DatabaseError FlushSession::BeginLocking() {
  if (DatabaseError error = Connected(); !error.ok()) return error;
  return connection_->Run(absl::StrCat(BeginTransaction(statement_timeout_ms_),
                                       "; SET LOCAL lock_timeout = ", kLockWaitSeconds * 1'000));
}

DatabaseError FlushSession::Query(const std::string& sql,
                                  absl::Span<const std::string_view> parameters,
                                  std::vector<TextRow>* rows) {
  if (connection_ == nullptr) {
    if (DatabaseError error = Connected(); !error.ok()) return error;
  }
  Result result;
  if (DatabaseError error = connection_->Query(sql, parameters, &result); !error.ok()) return error;
  for (int row = 0; row < RowCount(result); ++row) {
    TextRow& cells = rows->emplace_back();
    for (int column = 0; column < ColumnCount(result); ++column) {
      cells.emplace_back(CellText(result, row, column));
    }
  }
  return {};
}

DatabaseError FlushSession::QueryEach(const std::string& sql, OnRow on_row) {
  if (DatabaseError error =
          connection_->Run(absl::StrCat("DECLARE batchsql_rows NO SCROLL CURSOR FOR ", sql));
      !error.ok()) {
    return error;
  }
  TextRow row;
  while (true) {
    std::vector<Result> results;
    DatabaseError error = connection_->Run("FETCH 5000 FROM batchsql_rows", &results);
    if (!error.ok()) return error;
    const Result& result = results.back();
    if (RowCount(result) == 0) return connection_->Run("CLOSE batchsql_rows");
    for (int i = 0; i < RowCount(result); ++i) {
      row.clear();
      for (int column = 0; column < ColumnCount(result); ++column) {
        const bool is_null = CellIsNull(result, i, column);
        row.push_back(is_null ? std::optional<std::string>()
                              : std::optional<std::string>(CellText(result, i, column)));
      }
      on_row(row);
    }
  }
}

absl::StatusOr<TableContents> FlushSession::ReadContents(const Uuid& pipeline,
                                                         const TableSchema& schema, bool digest) {
  DatabaseError error = Connected();
  if (error.ok()) error = connection_->Run(BeginSnapshot(statement_timeout_ms_));
  if (!error.ok()) return StatusOfError(error, "reading the table");
  ContentsSql sql;
  sql.table = Quote(schema.name());
  for (const uint16_t column : DigestColumns(schema)) {
    sql.columns.push_back(CellAsText(schema.column(column)));
  }
  auto contents = ReadTableContents(*this, kOwnTables, pipeline, schema, sql, digest);
  if (connection_->IsAlive()) static_cast<void>(connection_->Run("ROLLBACK"));
  connection_ = nullptr;
  return contents;
}

DatabaseError FlushSession::Change(const std::string& sql,
                                   absl::Span<const std::string_view> parameters, uint64_t* rows) {
  Result result;
  DatabaseError error = connection_->Query(sql, parameters, &result);
  if (error.ok()) *rows = AffectedRows(result);
  return error;
}

DatabaseError FlushSession::SetTotals(const SlotMove& move) {
  return SetSlotTotals(*this, kOwnTables, move);
}

DatabaseError FlushSession::MoveProducers(const TableName& table,
                                          absl::Span<const ProducerMove> moves, bool* moved) {
  return MoveProducerRows(*this, kOwnTables, table, moves, moved);
}

DatabaseError FlushSession::ChangeLetters(const Uuid& pipeline, const TableName& table,
                                          const LetterChanges& changes, bool* live) {
  return ChangeLetterRows(*this, kOwnTables, pipeline, table, changes, live);
}

// Binary values of one type are taken for another without an error (int8 into float8), so the types
// must be those that the rows were checked against.
DatabaseError FlushSession::CheckPinned(const Result& pinned) const {
  for (size_t i = 0; i < pinned_columns_.size(); ++i) {
    const Column& column = plan_->schema->column(pinned_columns_[i]);
    const int at = static_cast<int>(i);
    if (ColumnTypeOid(pinned, at) == column.native_id &&
        ColumnTypeModifier(pinned, at) == column.native_modifier) {
      continue;
    }
    return {ErrorClass::kPause,
            std::string(kSchemaChangedCode),
            absl::StrCat("the type of column ", column.name, " has changed"),
            {},
            {}};
  }
  return {};
}

FlushSession::Path FlushSession::PathOf(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                        absl::Span<const RowRange> ranges) const {
  if (columns.empty()) return Path::kDefaults;
  if (!IsStaged(*plan.schema)) return Path::kCopy;
  const bool fits = CountRows(ranges) * columns.size() <= unnest_cells_max_ &&
                    HaveArrayTypes(*plan.schema, columns) &&
                    BlockBytes(plan, ranges) <= kArraysBytesMax;
  return fits ? Path::kArrays : Path::kStage;
}

DatabaseError FlushSession::WriteArrays(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                        absl::Span<const RowRange> ranges) {
  std::vector<uint32_t> types;
  for (const uint16_t index : columns) {
    types.push_back(ArrayOidOf(plan.schema->column(index).native_id));
  }
  return connection_->QueryBinary(InsertFromArrays(*plan.schema, columns), types,
                                  encoder_.EncodeArrays(plan, columns, ranges));
}

// Statements with a COPY of rows with these columns among them.
std::string FlushSession::CopySql(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  if (!IsStaged(schema)) return CopyIntoTable(schema, columns);
  const auto [entry, is_new] = stages_.try_emplace({columns.begin(), columns.end()});
  Stage& stage = entry->second;
  if (is_new) stage = {absl::StrCat("batchsql_stage_", ++stages_made_), savepoint_is_set_};
  return absl::StrCat(is_new ? CreateStage(schema, columns, stage.name) : TruncateStage(stage.name),
                      "; ", CopyIntoStage(schema, columns, stage.name), "; ",
                      InsertFromStage(schema, columns, stage.name));
}

// Puts the rows into the COPY that waits for them.
DatabaseError FlushSession::PutRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                    absl::Span<const RowRange> ranges) {
  encoder_.Encode(plan, columns, ranges, /*with_ordinal=*/IsStaged(*plan.schema),
                  [this](std::string_view piece) { return connection_->PutCopy(piece); });
  uint64_t copied = 0;
  if (DatabaseError error = connection_->EndCopy(&copied); !error.ok()) return error;
  const uint64_t sent = CountRows(ranges);
  if (copied == sent) return {};
  // A trigger that leaves rows out would lose them in silence.
  return {ErrorClass::kPause,
          std::string(kRowCountCode),
          absl::StrCat("of ", sent, " rows, COPY took ", copied),
          {},
          {}};
}

DatabaseError FlushSession::WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                      absl::Span<const RowRange> ranges) {
  if (std::exchange(copy_is_begun_, false)) return PutRows(plan, columns, ranges);
  const Path path = PathOf(plan, columns, ranges);
  if (path == Path::kDefaults) {
    return connection_->Run(InsertDefaults(*plan.schema, CountRows(ranges)));
  }
  if (path == Path::kArrays) return WriteArrays(plan, columns, ranges);
  DatabaseError error = connection_->Run(CopySql(*plan.schema, columns));
  return error.ok() ? PutRows(plan, columns, ranges) : error;
}

DatabaseError FlushSession::MakeConstraintsImmediate() {
  return connection_->Run("SET CONSTRAINTS ALL IMMEDIATE");
}

// A second savepoint of the same name would only hide the first, and thousands of them cost.
DatabaseError FlushSession::SetSavepoint() {
  const std::string release =
      savepoint_is_set_ ? absl::StrCat("RELEASE SAVEPOINT ", kSavepoint, "; ") : "";
  savepoint_is_set_ = true;
  for (auto& [columns, stage] : stages_) stage.made_under_savepoint = false;
  return connection_->Run(absl::StrCat(release, "SAVEPOINT ", kSavepoint));
}

DatabaseError FlushSession::RollbackToSavepoint() {
  std::erase_if(stages_, [](const auto& entry) { return entry.second.made_under_savepoint; });
  return connection_->Run(absl::StrCat("ROLLBACK TO SAVEPOINT ", kSavepoint));
}

DatabaseError FlushSession::ReleaseSavepoint() {
  savepoint_is_set_ = false;
  for (auto& [columns, stage] : stages_) stage.made_under_savepoint = false;
  return connection_->Run(absl::StrCat("RELEASE SAVEPOINT ", kSavepoint));
}

bool FlushSession::InTransaction() {
  return connection_ != nullptr && connection_->InTransaction();
}

void FlushSession::Rollback() {
  // The connection's state tells what became of it; the caller has an error to report already.
  static_cast<void>(connection_->Run("ROLLBACK"));
}

// COMMIT of a failed transaction answers ROLLBACK and no error; COMMIT outside one answers COMMIT.
WriteSession::CommitResult FlushSession::Commit() {
  using Kind = WriteOutcome::Kind;
  if (!connection_->InGoodTransaction()) return {Kind::kNotCommitted, NoTransaction()};
  std::string tag;
  DatabaseError error = connection_->RunForTag("COMMIT", &tag);
  if (error.ok() && tag == "COMMIT") return {Kind::kCommitted, {}};
  if (error.ok() && tag == "ROLLBACK") return {Kind::kNotCommitted, NoTransaction()};
  const bool final = CommitErrorIsFinal(error.code, connection_->IsIdle());
  return {final ? Kind::kNotCommitted : Kind::kInDoubt, std::move(error)};
}

}  // namespace batchsql::postgresql
