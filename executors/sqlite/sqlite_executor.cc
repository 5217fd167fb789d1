#include "executors/sqlite/sqlite_executor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "executors/shared/letter_table.h"
#include "executors/shared/own_tables.h"
#include "executors/shared/seen_schemas.h"
#include "executors/shared/table_contents.h"
#include "executors/shared/write_session.h"
#include "executors/sqlite/connection.h"
#include "executors/sqlite/declared_type.h"
#include "executors/sqlite/describe.h"
#include "executors/sqlite/errors.h"
#include "executors/sqlite/row_writer.h"

namespace batchsql {
namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::ToStatus;

std::string ColumnDefinition(const NewColumn& column) {
  const std::string_view type = sqlite::DeclaredTypeFor(column.type);
  return absl::StrCat(Quote(column.name), " ", absl::string_view(type.data(), type.size()),
                      column.in_key ? " NOT NULL" : "");
}

std::string CreateTableSql(const TableName& name, absl::Span<const NewColumn> columns) {
  std::vector<std::string> parts;
  std::vector<std::string> key;
  for (const NewColumn& column : columns) {
    parts.push_back(ColumnDefinition(column));
    if (column.in_key) key.push_back(Quote(column.name));
  }
  if (!key.empty()) parts.push_back(absl::StrCat("PRIMARY KEY (", absl::StrJoin(key, ", "), ")"));
  return absl::StrCat("CREATE TABLE IF NOT EXISTS main.", Quote(name.name), " (",
                      absl::StrJoin(parts, ", "), ")");
}

constexpr OwnTablesDialect kDialect = {.bytes_before = "x'",
                                       .bytes_after = "'",
                                       .hex_before = "hex(",
                                       .hex_after = ")",
                                       .lock = "",  // the whole file is locked
                                       .parameter = "?",
                                       .parameter_type = "",
                                       .update_from = true,
                                       .insert_new_after = " ON CONFLICT DO NOTHING"};

constexpr char kCreateWatermark[] =
    "CREATE TABLE IF NOT EXISTS main.batchsql_watermark (pipeline BLOB NOT NULL, "
    "slot INTEGER NOT NULL, epoch INTEGER NOT NULL, token BLOB NOT NULL, "
    "range_from INTEGER NOT NULL, range_to INTEGER NOT NULL, frontier INTEGER NOT NULL, "
    "attempt INTEGER NOT NULL, lsns INTEGER NOT NULL, committed_rows INTEGER NOT NULL, "
    "coalesced_rows INTEGER NOT NULL, refused_rows INTEGER NOT NULL, "
    "digested_rows INTEGER NOT NULL, digest BLOB NOT NULL, updated_at TEXT NOT NULL, "
    "PRIMARY KEY (pipeline, slot))";
constexpr char kCreateProducers[] =
    "CREATE TABLE IF NOT EXISTS main.batchsql_producers (table_name TEXT NOT NULL, "
    "producer TEXT NOT NULL, last_sequence INTEGER NOT NULL, updated_at TEXT NOT NULL, "
    "PRIMARY KEY (table_name, producer))";
constexpr char kCreateLetters[] =
    "CREATE TABLE IF NOT EXISTS main.batchsql_dead_letters (pipeline BLOB NOT NULL, "
    "id INTEGER NOT NULL, table_name TEXT NOT NULL, state TEXT NOT NULL, "
    "time_ms INTEGER NOT NULL, reason TEXT NOT NULL, column_name TEXT NOT NULL, "
    "code TEXT NOT NULL, bytes INTEGER NOT NULL, letter TEXT NOT NULL, "
    "PRIMARY KEY (pipeline, id))";

// Owns its connection, which is opened when needed and dropped after an error that calls for it.
class SqliteExecutor final : public Executor, private WriteSession {
 public:
  explicit SqliteExecutor(SqliteOptions options) : options_(std::move(options)) {}

  absl::StatusOr<TableSchema> Describe(const TableName& name, const WriteRule& rule) override {
    if (absl::Status status = ToStatus(BeginWith("BEGIN")); !status.ok()) return status;
    absl::StatusOr<TableSchema> schema = sqlite::DescribeTable(*connection_, name, rule);
    Rollback();
    return schema;
  }

  absl::Status CreateTable(const TableName& name, absl::Span<const NewColumn> columns) override {
    if (absl::Status status = sqlite::CheckSchemaName(name); !status.ok()) return status;
    if (absl::Status status = ToStatus(BeginWith("BEGIN IMMEDIATE")); !status.ok()) return status;
    return FinishDdl(connection_->Execute(CreateTableSql(name, columns)));
  }

  absl::Status AddColumns(const TableName& name, absl::Span<const NewColumn> columns) override {
    if (absl::Status status = sqlite::CheckSchemaName(name); !status.ok()) return status;
    if (absl::Status status = ToStatus(BeginWith("BEGIN IMMEDIATE")); !status.ok()) return status;
    std::vector<std::string> present;
    if (DatabaseError error = sqlite::ReadColumnNames(*connection_, name, &present); !error.ok()) {
      return FinishDdl(std::move(error));
    }
    if (present.empty()) {
      Rollback();
      return absl::NotFoundError(absl::StrCat("no table ", name.ToString()));
    }
    return FinishDdl(AddMissing(name, columns, present));
  }

  absl::StatusOr<std::vector<SlotRow>> ReadSlots(const Uuid& pipeline) override {
    if (absl::Status status = ToStatus(Connect()); !status.ok()) return status;
    const absl::Status found = CheckOwnTable(kWatermarkTable);
    if (absl::IsNotFound(found)) return std::vector<SlotRow>();
    if (!found.ok()) return found;
    return ReadSlotRows(*this, kDialect, pipeline);
  }

  absl::Status Claim(const SlotClaim& claim) override {
    absl::Status status = EnsureOwnTable(kWatermarkTable, kCreateWatermark);
    if (status.ok()) status = RunClaim(*this, kDialect, claim);
    if (absl::IsUnknown(status)) Disconnect();
    return status;
  }

  absl::StatusOr<std::vector<ProducerMove>> ReadProducers(
      const TableName& table, absl::Span<const std::string> producer_ids) override {
    absl::Status status = EnsureOwnTable(kProducersTable, kCreateProducers);
    if (!status.ok()) return status;
    return ReadProducerRows(*this, kDialect, table, producer_ids);
  }

  absl::StatusOr<std::vector<LetterCount>> CountLetters(const Uuid& pipeline) override {
    absl::Status status = EnsureOwnTable(kLettersTable, kCreateLetters);
    if (!status.ok()) return status;
    return CountLetterRows(*this, kDialect, pipeline);
  }

  absl::StatusOr<LetterPage> ReadLetters(const Uuid& pipeline, const LetterQuery& query) override {
    absl::Status status = EnsureOwnTable(kLettersTable, kCreateLetters);
    if (!status.ok()) return status;
    return ReadLetterRows(*this, kDialect, pipeline, query);
  }

  absl::StatusOr<uint64_t> PurgeLetters(const Uuid& pipeline,
                                        const LetterSelection& selection) override {
    absl::Status status = EnsureOwnTable(kLettersTable, kCreateLetters);
    if (!status.ok()) return status;
    absl::StatusOr<uint64_t> purged = RunPurge(*this, kDialect, pipeline, selection);
    if (absl::IsUnknown(purged.status())) Disconnect();
    return purged;
  }

  WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress,
                     KeepFailures keep) override {
    WriteOutcome outcome = RunWrite(*this, plan, progress, keep);
    if (outcome.kind == WriteOutcome::Kind::kInDoubt) Disconnect();
    return outcome;
  }

  // A lost session ended with its connection: it was in this process.
  absl::StatusOr<Resolution> Resolve(const SlotMove& move) override {
    Disconnect();
    return RunResolve(*this, kDialect, move);
  }

  absl::StatusOr<TableContents> ReadContents(const Uuid& pipeline, const TableSchema& schema,
                                             bool digest) override {
    if (absl::Status status = ToStatus(BeginWith("BEGIN")); !status.ok()) return status;
    ContentsSql sql;
    sql.table = absl::StrCat("main.", Quote(schema.name().name));
    for (const uint16_t column : DigestColumns(schema)) {
      sql.columns.push_back(Quote(schema.column(column).name));
    }
    auto contents = ReadTableContents(*this, kDialect, pipeline, schema, sql, digest);
    Rollback();
    return contents;
  }

  bool connected() const override { return connection_ != nullptr && !connection_->is_broken(); }
  void Disconnect() override {
    seen_ = {};
    connection_.reset();
  }

 private:
  DatabaseError Begin(const SlotMove& move, bool* moved) override {
    isolating_ = false;
    if (DatabaseError error = BeginLocking(); !error.ok()) return error;
    uint64_t rows = 0;
    DatabaseError error = connection_->Change(MoveSlotSql(kDialect, move), {}, &rows);
    *moved = rows == 1;
    return error;
  }

  DatabaseError BeginLocking() override { return BeginWith("BEGIN IMMEDIATE"); }

  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<TextRow>* rows) override {
    return connection_->Query(sql, parameters, rows);
  }

  DatabaseError QueryEach(const std::string& sql, OnRow on_row) override {
    return connection_->QueryEach(sql, on_row);
  }

  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows) override {
    return connection_->Change(sql, parameters, rows);
  }

  DatabaseError SetTotals(const SlotMove& move) override {
    return SetSlotTotals(*this, kDialect, move);
  }

  DatabaseError MoveProducers(const TableName& table, absl::Span<const ProducerMove> moves,
                              bool* moved) override {
    return MoveProducerRows(*this, kDialect, table, moves, moved);
  }

  DatabaseError ChangeLetters(const Uuid& pipeline, const TableName& table,
                              const LetterChanges& changes, bool* live) override {
    return ChangeLetterRows(*this, kDialect, pipeline, table, changes, live);
  }

  DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                          absl::Span<const RowRange> ranges) override {
    sqlite::RowWriter writer(*connection_, *plan.schema, columns);
    if (DatabaseError error = writer.Write(plan, ranges); !error.ok()) return error;
    if (isolating_ && connection_->HasUnsatisfiedForeignKeys()) {
      return {ErrorClass::kRow, "SQLITE_CONSTRAINT_FOREIGNKEY", "", RejectReason::kForeignKey, ""};
    }
    return {};
  }

  // The transaction keeps other writers out. The version counts every CREATE, ALTER and DROP in the
  // file, also those of the daemon's own tables.
  DatabaseError CheckTable(const WritePlan& plan) override {
    std::vector<TextRow> version;
    DatabaseError error = connection_->Query("PRAGMA main.schema_version", {}, &version);
    if (!error.ok()) return error;
    return seen_.Check(plan, version.at(0).at(0).value_or(""), [&](DatabaseError* /*error*/) {
      return sqlite::DescribeTable(*connection_, plan.schema->name(), plan.schema->rule());
    });
  }

  // SQLite cannot make a constraint that was declared deferred immediate; WriteRows asks instead.
  DatabaseError MakeConstraintsImmediate() override {
    isolating_ = true;
    return {};
  }

  DatabaseError SetSavepoint() override { return connection_->Execute("SAVEPOINT batchsql"); }
  // ROLLBACK TO leaves the savepoint set.
  DatabaseError RollbackToSavepoint() override {
    return connection_->Execute("ROLLBACK TO batchsql; RELEASE batchsql");
  }
  DatabaseError ReleaseSavepoint() override { return connection_->Execute("RELEASE batchsql"); }

  bool InTransaction() override { return connection_ != nullptr && connection_->InTransaction(); }

  void Rollback() override {
    // A transaction that cannot be rolled back ends with its connection.
    if (InTransaction() && !connection_->Execute("ROLLBACK").ok()) Disconnect();
  }

  CommitResult Commit() override {
    DatabaseError error = connection_->Execute("COMMIT");
    if (error.ok()) return {WriteOutcome::Kind::kCommitted, {}};
    // A refused COMMIT (deferred foreign keys, a busy file) leaves the transaction open. Where it
    // is gone, its last frames may be in the file all the same.
    const bool open = InTransaction();
    return {open ? WriteOutcome::Kind::kNotCommitted : WriteOutcome::Kind::kInDoubt,
            std::move(error)};
  }

  // What every call begins with, so that each leaves a broken connection behind.
  DatabaseError Connect() {
    if (!connected()) Disconnect();
    return connection_ == nullptr ? Connection::Open(options_, &connection_) : DatabaseError();
  }

  DatabaseError BeginWith(const std::string& begin) {
    DatabaseError error = Connect();
    return error.ok() ? connection_->Execute(begin) : error;
  }

  absl::Status CheckOwnTable(std::string_view name) {
    return sqlite::CheckTableKind(*connection_, {"", std::string(name)});
  }

  absl::Status EnsureOwnTable(std::string_view name, const std::string& create) {
    if (absl::Status status = ToStatus(Connect()); !status.ok()) return status;
    absl::Status found = CheckOwnTable(name);
    if (!absl::IsNotFound(found)) return found;
    if (absl::Status status = ToStatus(BeginWith("BEGIN IMMEDIATE")); !status.ok()) return status;
    return FinishDdl(connection_->Execute(create));
  }

  DatabaseError AddMissing(const TableName& name, absl::Span<const NewColumn> columns,
                           const std::vector<std::string>& present) {
    for (NewColumn column : columns) {
      if (std::find(present.begin(), present.end(), column.name) != present.end()) continue;
      column.in_key = false;
      DatabaseError error = connection_->Execute(absl::StrCat(
          "ALTER TABLE main.", Quote(name.name), " ADD COLUMN ", ColumnDefinition(column)));
      if (!error.ok()) return error;
    }
    return {};
  }

  absl::Status FinishDdl(DatabaseError error) {
    if (error.ok()) error = connection_->Execute("COMMIT");
    Rollback();
    return ToStatus(error);
  }

  const SqliteOptions options_;
  std::unique_ptr<Connection> connection_;
  SeenSchemas seen_;        // with the connection
  bool isolating_ = false;  // the open transaction writes under savepoints
};

}  // namespace

std::unique_ptr<Executor> MakeSqliteExecutor(SqliteOptions options) {
  return std::make_unique<SqliteExecutor>(std::move(options));
}

}  // namespace batchsql
