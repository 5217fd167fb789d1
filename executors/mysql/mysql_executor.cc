#include "executors/mysql/mysql_executor.h"

#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "executors/mysql/connection.h"
#include "executors/mysql/describe.h"
#include "executors/mysql/dsn.h"
#include "executors/mysql/errors.h"
#include "executors/mysql/row_writer.h"
#include "executors/mysql/sql_text.h"
#include "executors/shared/letter_table.h"
#include "executors/shared/own_tables.h"
#include "executors/shared/seen_schemas.h"
#include "executors/shared/table_contents.h"
#include "executors/shared/write_session.h"

namespace batchsql {
namespace {

constexpr int kDeadlock = 1213;
constexpr int kNoSuchSavepoint = 1305;
constexpr int kDuplicateColumn = 1060;

constexpr OwnTablesDialect kDialect = {.bytes_before = "x'",
                                       .bytes_after = "'",
                                       .hex_before = "HEX(",
                                       .hex_after = ")",
                                       .lock = " FOR UPDATE",
                                       .parameter = "?",
                                       .parameter_type = "",
                                       .update_from = false,
                                       .update_looks_around = false,
                                       .insert_new_after = ""};

// Names are bytes: a collation would take some that differ, in case or trailing spaces, for equal.
constexpr char kCreateWatermark[] =
    "CREATE TABLE IF NOT EXISTS batchsql_watermark (pipeline BINARY(16) NOT NULL, "
    "slot INT NOT NULL, epoch BIGINT NOT NULL, token BINARY(16) NOT NULL, "
    "range_from BIGINT NOT NULL, range_to BIGINT NOT NULL, frontier BIGINT NOT NULL, "
    "attempt BIGINT NOT NULL, lsns BIGINT NOT NULL, committed_rows BIGINT NOT NULL, "
    "coalesced_rows BIGINT NOT NULL, refused_rows BIGINT NOT NULL, digested_rows BIGINT NOT NULL, "
    "digest BINARY(16) NOT NULL, updated_at DATETIME NOT NULL, PRIMARY KEY (pipeline, slot)) "
    "ENGINE=InnoDB";
constexpr char kCreateProducers[] =
    "CREATE TABLE IF NOT EXISTS batchsql_producers (table_name VARBINARY(255) NOT NULL, "
    "producer VARBINARY(255) NOT NULL, last_sequence BIGINT NOT NULL, "
    "updated_at DATETIME NOT NULL, PRIMARY KEY (table_name, producer)) ENGINE=InnoDB";
constexpr char kCreateLetters[] =
    "CREATE TABLE IF NOT EXISTS batchsql_dead_letters (pipeline BINARY(16) NOT NULL, "
    "id BIGINT NOT NULL, table_name VARBINARY(255) NOT NULL, state VARBINARY(16) NOT NULL, "
    "time_ms BIGINT NOT NULL, reason VARBINARY(32) NOT NULL, column_name VARBINARY(255) NOT NULL, "
    "code VARBINARY(64) NOT NULL, bytes BIGINT NOT NULL, "
    "letter LONGTEXT CHARACTER SET ascii NOT NULL, PRIMARY KEY (pipeline, id)) ENGINE=InnoDB";

// A read-only server refuses it, and lets a locking SELECT pass.
constexpr char kProbeForWriting[] = "UPDATE batchsql_watermark SET slot = slot WHERE 1 = 0";

bool HasCode(const DatabaseError& error, int code) { return error.code == std::to_string(code); }

// The connection is unusable or in an unknown state: what the library says itself (2000 and 5000),
// what the server says goodbye with, and the connector's own complaints (0).
bool EndsConnection(const DatabaseError& error) {
  int code = 0;
  if (!absl::SimpleAtoi(error.code, &code)) return true;
  const bool from_library = (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);
  return error.error_class == ErrorClass::kReconnect || from_library || code == 0;
}

// Owns one connection and what is prepared on it. One thread at a time.
//
// Whether a transaction is open: an error packet carries no status flags, so neither the library
// nor the connector can tell after an error. Hence after any error but a row's fault the executor
// sends ROLLBACK itself and takes the transaction for gone; and after a row's fault, the next thing
// sent is ROLLBACK, or ROLLBACK TO SAVEPOINT, which fails (1305) when the transaction that held the
// savepoint is gone. Nothing is ever sent that could commit by itself.
class MySqlExecutor final : public Executor, private WriteSession {
 public:
  explicit MySqlExecutor(MySqlOptions options)
      : options_(std::move(options)), address_(ParseMySqlDsn(options_.dsn)) {}

  absl::StatusOr<TableSchema> Describe(const TableName& name, const WriteRule& rule) override {
    if (absl::Status status = CheckMySqlTable(name); !status.ok()) return status;
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    DatabaseError error;
    absl::StatusOr<TableSchema> schema = DescribeMySqlTable(*connection_, name, rule, &error);
    Note(error);
    return schema;
  }

  absl::Status CreateTable(const TableName& name, absl::Span<const NewColumn> columns) override {
    const absl::StatusOr<std::string> sql = MakeMySqlCreateTable(name, columns);
    if (!sql.ok()) return sql.status();
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    return MySqlStatus(Execute(*sql));
  }

  absl::Status AddColumns(const TableName& name, absl::Span<const NewColumn> columns) override {
    if (absl::Status status = CheckMySqlTable(name); !status.ok()) return status;
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    DatabaseError error;
    const absl::StatusOr<std::set<std::string>> existing =
        ListMySqlColumns(*connection_, name, &error);
    Note(error);
    if (!existing.ok()) return existing.status();
    for (const NewColumn& column : columns) {
      if (existing->count(column.name) > 0) continue;
      if (absl::Status status = AddColumn(name, column); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<SlotRow>> ReadSlots(const Uuid& pipeline) override {
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    const absl::Status found = CheckOwnTable(kWatermarkTable);
    if (absl::IsNotFound(found)) return std::vector<SlotRow>();
    if (!found.ok()) return found;
    return ReadSlotRows(*this, kDialect, pipeline);
  }

  absl::Status Claim(const SlotClaim& claim) override {
    absl::Status status = EnsureOwnTable(kWatermarkTable, kCreateWatermark);
    if (!status.ok()) return status;
    status = RunClaim(*this, kDialect, claim);
    Disconnect();  // BeginLocking has left its limit in the session
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
    Disconnect();  // as in Claim
    return purged;
  }

  WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress,
                     KeepFailures keep) override {
    return RunWrite(*this, plan, progress, keep);
  }

  absl::StatusOr<Resolution> Resolve(const SlotMove& move) override {
    Disconnect();
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    EndLostSession();
    absl::StatusOr<Resolution> resolution = RunResolve(*this, kDialect, move);
    Disconnect();  // as in Claim
    return resolution;
  }

  absl::StatusOr<TableContents> ReadContents(const Uuid& pipeline, const TableSchema& schema,
                                             bool digest) override {
    if (absl::Status status = MySqlStatus(BeginSnapshot()); !status.ok()) return status;
    ContentsSql sql;
    sql.table = QuoteMySqlTable(schema.name());
    for (const uint16_t column : DigestColumns(schema)) {
      sql.columns.push_back(MySqlCellText(schema.column(column)));
    }
    auto contents = ReadTableContents(*this, kDialect, pipeline, schema, sql, digest);
    Rollback();
    return contents;
  }

  bool connected() const override { return connection_ != nullptr; }

  void Disconnect() override {
    in_transaction_ = false;
    seen_ = {};
    writer_.reset();
    connection_.reset();
  }

 private:
  absl::Status AddColumn(const TableName& name, const NewColumn& column) {
    const absl::StatusOr<std::string> sql = MakeMySqlAddColumn(name, column);
    if (!sql.ok()) return sql.status();
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    const DatabaseError error = Execute(*sql);
    // Somebody else added it meanwhile.
    return HasCode(error, kDuplicateColumn) ? absl::OkStatus() : MySqlStatus(error);
  }

  absl::Status CheckOwnTable(std::string_view name) {
    DatabaseError error;
    absl::Status status = CheckMySqlTableKind(*connection_, {"", std::string(name)}, &error);
    Note(error);
    return status;
  }

  absl::Status EnsureOwnTable(std::string_view name, const std::string& create) {
    if (absl::Status status = MySqlStatus(EnsureConnected()); !status.ok()) return status;
    absl::Status found = CheckOwnTable(name);
    return absl::IsNotFound(found) ? MySqlStatus(Execute(create)) : found;
  }

  // Session numbers are not used again while the server runs; after a restart they are, so a server
  // that is another one, or younger than the session, is left alone. What KILL answers tells
  // nothing: the lock on the slot's row is what counts.
  void EndLostSession() {
    if (!lost_ || lost_->server != connection_->server().name) return;
    std::vector<MySqlRow> uptime;
    if (!Query("SHOW GLOBAL STATUS LIKE 'Uptime'", {}, &uptime).ok() || uptime.empty()) return;
    int64_t seconds = 0;
    const auto age = std::chrono::steady_clock::now() - lost_->opened;
    if (!absl::SimpleAtoi(uptime[0].at(1).value_or(""), &seconds) ||
        std::chrono::seconds(seconds + 1) < age) {
      return;
    }
    static_cast<void>(connection_->Execute(absl::StrCat("KILL ", lost_->session_id)));
  }

  DatabaseError EnsureConnected() {
    if (connection_ != nullptr) return {};
    if (!address_.ok()) {
      return {ErrorClass::kPause, "dsn", std::string(address_.status().message()),
              RejectReason::kNone, ""};
    }
    DatabaseError error = MySqlConnection::Open(*address_, options_, &connection_);
    if (!error.ok()) {
      connection_.reset();
      return error;
    }
    writer_ = connection_->MakeRowWriter();
    opened_ = std::chrono::steady_clock::now();
    WarnIfWeak();
    return {};
  }

  void WarnIfWeak() {
    if (connection_->server().weak_durability.empty()) return;
    Log(LogLevel::kWarning, "the server may lose committed rows when it loses power",
        {{"target", address_->ToString()}, {"settings", connection_->server().weak_durability}});
  }

  // Draws the consequences of an error; see the class comment.
  void Note(const DatabaseError& error) {
    if (error.ok()) return;
    if (EndsConnection(error)) {
      Disconnect();
    } else if (error.error_class != ErrorClass::kRow) {
      Rollback();
    }
  }

  DatabaseError Execute(const std::string& sql) {
    DatabaseError error = connection_->Execute(sql);
    Note(error);
    return error;
  }

  // A statement on a savepoint, which must be there.
  DatabaseError ExecuteOnSavepoint(const std::string& sql) {
    if (connection_ == nullptr) return LostTransaction();
    DatabaseError error = Execute(sql);
    return HasCode(error, kNoSuchSavepoint) ? LostTransaction() : error;
  }

  static DatabaseError LostTransaction() {
    return {ErrorClass::kRetry, std::to_string(kNoSuchSavepoint), "the transaction was gone",
            RejectReason::kNone, ""};
  }

  DatabaseError StartTransaction() {
    if (DatabaseError error = EnsureConnected(); !error.ok()) return error;
    DatabaseError error = Execute("START TRANSACTION");
    in_transaction_ = error.ok();
    return error;
  }

  DatabaseError BeginSnapshot() {
    if (DatabaseError error = EnsureConnected(); !error.ok()) return error;
    DatabaseError error = Execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    if (error.ok()) error = Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
    in_transaction_ = error.ok();
    return error;
  }

  DatabaseError Begin(const SlotMove& move, bool* moved) override {
    lost_.reset();
    if (DatabaseError error = StartTransaction(); !error.ok()) return error;
    uint64_t rows = 0;
    DatabaseError error = Change(MoveSlotSql(kDialect, move), {}, &rows);
    *moved = rows == 1;
    if (!error.ok() || !*moved) return error;
    return CheckFloors(*this, kDialect, move, moved);
  }

  DatabaseError BeginLocking() override {
    if (DatabaseError error = EnsureConnected(); !error.ok()) return error;
    DatabaseError error =
        Execute(absl::StrCat("SET SESSION innodb_lock_wait_timeout=", kLockWaitSeconds));
    if (error.ok()) error = StartTransaction();
    return error.ok() ? Execute(kProbeForWriting) : error;
  }

  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<TextRow>* rows) override {
    DatabaseError error = connection_->Query(sql, parameters, rows);
    Note(error);
    return error;
  }

  DatabaseError QueryEach(const std::string& sql, OnRow on_row) override {
    DatabaseError error = connection_->QueryEach(sql, on_row);
    Note(error);
    return error;
  }

  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows) override {
    DatabaseError error = connection_->Change(sql, parameters, rows);
    Note(error);
    return error;
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
    DatabaseError error = writer_->Write(plan, columns, ranges);
    Note(error);
    return error;
  }

  // The rows that were written hold the table's metadata lock until COMMIT, so the definition can
  // be read behind them; and unlike a SELECT, SHOW needs no more than the right to insert.
  DatabaseError CheckTable(const WritePlan& plan) override {
    const TableName& name = plan.schema->name();
    std::string form;
    DatabaseError error = ReadMySqlTableForm(*connection_, name, &form);
    Note(error);
    if (!error.ok()) return error;
    return seen_.Check(plan, std::move(form), [&](DatabaseError* failure) {
      auto schema = DescribeMySqlTable(*connection_, name, plan.schema->rule(), failure);
      Note(*failure);
      return schema;
    });
  }

  // Neither server has deferred constraints.
  DatabaseError MakeConstraintsImmediate() override { return {}; }

  DatabaseError SetSavepoint() override { return Execute("SAVEPOINT batchsql"); }
  DatabaseError RollbackToSavepoint() override {
    return ExecuteOnSavepoint("ROLLBACK TO SAVEPOINT batchsql");
  }
  DatabaseError ReleaseSavepoint() override {
    return ExecuteOnSavepoint("RELEASE SAVEPOINT batchsql");
  }

  bool InTransaction() override { return in_transaction_; }

  void Rollback() override {
    in_transaction_ = false;
    if (connection_ != nullptr && !connection_->Execute("ROLLBACK").ok()) Disconnect();
  }

  CommitResult Commit() override {
    in_transaction_ = false;
    DatabaseError error = connection_->Execute("COMMIT");
    if (error.ok()) return {WriteOutcome::Kind::kCommitted, {}};
    // A cluster's way of saying that certification failed: the server has rolled back.
    if (HasCode(error, kDeadlock)) {
      Rollback();
      return {WriteOutcome::Kind::kNotCommitted, std::move(error)};
    }
    lost_ = {connection_->server().name, connection_->server().session_id, opened_};
    Disconnect();
    return {WriteOutcome::Kind::kInDoubt, std::move(error)};
  }

  const MySqlOptions options_;
  const absl::StatusOr<MySqlAddress> address_;
  std::unique_ptr<MySqlConnection> connection_;
  std::unique_ptr<MySqlRowWriter> writer_;  // with the connection
  SeenSchemas seen_;                        // with the connection
  bool in_transaction_ = false;
  std::chrono::steady_clock::time_point opened_;

  // The session whose COMMIT was not answered.
  struct LostSession {
    std::string server;
    uint64_t session_id;
    std::chrono::steady_clock::time_point opened;
  };
  std::optional<LostSession> lost_;
};

}  // namespace

std::unique_ptr<Executor> MakeMySqlExecutor(MySqlOptions options) {
  return std::make_unique<MySqlExecutor>(std::move(options));
}

}  // namespace batchsql
