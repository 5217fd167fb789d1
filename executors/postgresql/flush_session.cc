#include "executors/postgresql/flush_session.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/errors.h"
#include "executors/postgresql/statements.h"

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

DatabaseError NoTransaction() {
  return {
      ErrorClass::kRetry, std::string(kNoTransactionCode), "the transaction has failed", {}, {}};
}

}  // namespace

WriteOutcome FlushSession::Write(const WritePlan& plan, Connect connect) {
  plan_ = &plan;
  connect_ = std::move(connect);
  pinned_columns_ = CarriedByPlan(plan);
  WriteOutcome outcome = RunWrite(*this, plan);
  connection_ = nullptr;
  return outcome;
}

DatabaseError FlushSession::Begin() {
  savepoint_is_set_ = false;
  stages_.clear();
  stages_made_ = 0;
  DatabaseError error;
  std::tie(connection_, error) = connect_();
  if (!error.ok()) return error;
  std::vector<Result> results;
  error = connection_->Run(BeginFlush(*plan_->schema, pinned_columns_, statement_timeout_ms_),
                           &results);
  return error.ok() ? CheckPinned(results.back()) : error;
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

DatabaseError FlushSession::Copy(const std::string& sql, const WritePlan& plan,
                                 absl::Span<const uint16_t> columns,
                                 absl::Span<const RowRange> ranges, bool with_ordinal) {
  if (DatabaseError error = connection_->StartCopy(sql); !error.ok()) return error;
  encoder_.Encode(plan, columns, ranges, with_ordinal,
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
  if (columns.empty()) return connection_->Run(InsertDefaults(*plan.schema, CountRows(ranges)));
  if (plan.schema->conflict() != Conflict::kInsert) return WriteStaged(plan, columns, ranges);
  return Copy(CopyIntoTable(*plan.schema, columns), plan, columns, ranges, /*with_ordinal=*/false);
}

DatabaseError FlushSession::WriteStaged(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                        absl::Span<const RowRange> ranges) {
  const TableSchema& schema = *plan.schema;
  const auto [entry, is_new] = stages_.try_emplace({columns.begin(), columns.end()});
  Stage& stage = entry->second;
  if (is_new) stage = {absl::StrCat("batchsql_stage_", ++stages_made_), savepoint_is_set_};
  // Rides on the COPY's round trip.
  const std::string prepare =
      is_new ? CreateStage(schema, columns, stage.name) : TruncateStage(stage.name);
  const std::string copy = absl::StrCat(prepare, "; ", CopyIntoStage(schema, columns, stage.name));
  if (DatabaseError error = Copy(copy, plan, columns, ranges, /*with_ordinal=*/true); !error.ok()) {
    return error;
  }
  return connection_->Run(InsertFromStage(schema, columns, stage.name));
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
