#include "executors/postgresql/postgresql_executor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/connection.h"
#include "executors/postgresql/describe.h"
#include "executors/postgresql/errors.h"
#include "executors/postgresql/flush_session.h"
#include "executors/postgresql/statements.h"
#include "executors/shared/letter_table.h"

namespace batchsql {
namespace {

using postgresql::Connection;

// Time that the client gives the server to say that a statement was cancelled.
constexpr int64_t kAnswerSlackMs = 5'000;
// An ALTER that waits blocks everyone behind it, so it waits briefly and is tried again.
constexpr int64_t kDdlLockTimeoutMs = 5'000;

constexpr int kDdlAttempts = 3;

bool IsDdlRace(std::string_view code) {
  return code == "23505" || code == "42P07" || code == "42701" || code == "42710";
}

// Owns one connection; used by one thread at a time, which ends it by destroying the executor.
class PostgresExecutor : public Executor {
 public:
  explicit PostgresExecutor(PostgresOptions options)
      : options_(std::move(options)),
        session_(options_.statement_timeout_ms, options_.unnest_cells_max,
                 [this]() -> std::pair<Connection*, DatabaseError> {
                   DatabaseError error = Open();
                   return {connection_.get(), std::move(error)};
                 }) {}

  absl::StatusOr<TableSchema> Describe(const TableName& name, const WriteRule& rule) override {
    if (absl::Status status = postgresql::CheckTableName(name); !status.ok()) return status;
    if (absl::Status status = Connect(); !status.ok()) return status;
    if (absl::Status status = Run(absl::StrCat("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                                               "SET LOCAL statement_timeout = ",
                                               options_.statement_timeout_ms));
        !status.ok()) {
      return status;
    }
    absl::StatusOr<TableSchema> schema = postgresql::DescribeTable(*connection_, name, rule);
    if (absl::Status status = Run("ROLLBACK"); !status.ok() && schema.ok()) return status;
    DropIfLost();
    return schema;
  }

  absl::Status CreateTable(const TableName& name, absl::Span<const NewColumn> columns) override {
    if (absl::Status status = CheckNames(name, columns); !status.ok()) return status;
    if (absl::Status status = Connect(); !status.ok()) return status;
    // IF NOT EXISTS asks for the right to create even where nothing is to be created.
    const absl::StatusOr<bool> exists = postgresql::TableExists(*connection_, name);
    if (!exists.ok()) return DropIfLost(), exists.status();
    if (*exists) return absl::OkStatus();
    return RunDdl(postgresql::CreateTableStatement(name, columns));
  }

  absl::Status AddColumns(const TableName& name, absl::Span<const NewColumn> columns) override {
    if (absl::Status status = CheckNames(name, columns); !status.ok()) return status;
    if (absl::Status status = Connect(); !status.ok()) return status;
    const absl::StatusOr<bool> exists = postgresql::TableExists(*connection_, name);
    if (!exists.ok()) return DropIfLost(), exists.status();
    if (!*exists) return absl::NotFoundError(absl::StrCat("no table ", name.ToString()));
    if (columns.empty()) return absl::OkStatus();
    return RunDdl(postgresql::AddColumnsStatement(name, columns));
  }

  absl::StatusOr<std::vector<SlotRow>> ReadSlots(const Uuid& pipeline) override {
    if (absl::Status status = Connect(); !status.ok()) return status;
    const absl::StatusOr<bool> exists = postgresql::OwnTableExists(*connection_, kWatermarkTable);
    if (!exists.ok()) return DropIfLost(), exists.status();
    if (!*exists) return std::vector<SlotRow>();
    absl::StatusOr<std::vector<SlotRow>> rows =
        ReadSlotRows(session_, postgresql::kOwnTables, pipeline);
    DropIfLost();
    return rows;
  }

  absl::Status Claim(const SlotClaim& claim) override {
    absl::Status status = EnsureOwnTable(kWatermarkTable, postgresql::CreateWatermarkTable());
    if (!status.ok()) return status;
    status = RunClaim(session_, postgresql::kOwnTables, claim);
    DropAfter(status);
    return status;
  }

  absl::StatusOr<std::vector<ProducerMove>> ReadProducers(
      const TableName& table, absl::Span<const std::string> producer_ids) override {
    absl::Status status = EnsureOwnTable(kProducersTable, postgresql::CreateProducersTable());
    if (!status.ok()) return status;
    auto moves = ReadProducerRows(session_, postgresql::kOwnTables, table, producer_ids);
    DropAfter(moves.status());
    return moves;
  }

  absl::StatusOr<std::vector<LetterCount>> CountLetters(const Uuid& pipeline) override {
    absl::Status status = EnsureOwnTable(kLettersTable, postgresql::CreateLettersTable());
    if (!status.ok()) return status;
    auto counts = CountLetterRows(session_, postgresql::kOwnTables, pipeline);
    DropAfter(counts.status());
    return counts;
  }

  absl::StatusOr<LetterPage> ReadLetters(const Uuid& pipeline, const LetterQuery& query) override {
    absl::Status status = EnsureOwnTable(kLettersTable, postgresql::CreateLettersTable());
    if (!status.ok()) return status;
    auto page = ReadLetterRows(session_, postgresql::kOwnTables, pipeline, query);
    DropAfter(page.status());
    return page;
  }

  absl::StatusOr<uint64_t> PurgeLetters(const Uuid& pipeline,
                                        const LetterSelection& selection) override {
    absl::Status status = EnsureOwnTable(kLettersTable, postgresql::CreateLettersTable());
    if (!status.ok()) return status;
    auto purged = RunPurge(session_, postgresql::kOwnTables, pipeline, selection);
    DropAfter(purged.status());
    return purged;
  }

  WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress,
                     KeepFailures keep) override {
    WriteOutcome outcome = session_.Write(plan, progress, keep);
    const bool may_stay = outcome.kind != WriteOutcome::Kind::kInDoubt &&
                          outcome.error.error_class != ErrorClass::kReconnect;
    if (!may_stay) Disconnect();
    DropIfLost();
    return outcome;
  }

  // The lock asks for a server that can be written: a standby refuses it (25006).
  absl::StatusOr<Resolution> Resolve(const SlotMove& move) override {
    Disconnect();
    if (absl::Status status = Connect(); !status.ok()) return status;
    EndLastTransaction();
    absl::StatusOr<Resolution> resolution = RunResolve(session_, postgresql::kOwnTables, move);
    DropIfLost();
    return resolution;
  }

  absl::StatusOr<TableContents> ReadContents(const Uuid& pipeline, const TableSchema& schema,
                                             bool digest) override {
    if (absl::Status status = Connect(); !status.ok()) return status;
    absl::StatusOr<TableContents> contents = session_.ReadContents(pipeline, schema, digest);
    DropIfLost();
    return contents;
  }

  bool connected() const override { return connection_ != nullptr; }
  void Disconnect() override {
    session_.Forget();
    connection_.reset();
  }

 private:
  // Opens the connection unless one is open and outside any transaction.
  DatabaseError Open() {
    if (connection_ != nullptr && !connection_->IsIdle()) Disconnect();
    if (connection_ != nullptr) return {};
    return Connection::Open(options_.dsn, options_.connect_timeout_ms,
                            options_.statement_timeout_ms + kAnswerSlackMs, &connection_);
  }

  // What it answers tells nothing: the lock on the slot's row is what counts. A COMMIT that waits
  // for its standby keeps the lock.
  void EndLastTransaction() {
    const postgresql::FlushSession::Transaction& last = session_.last_transaction();
    if (last.process.empty()) return;
    static_cast<void>(connection_->Run(postgresql::TerminateTransaction(last.process, last.start)));
  }

  // IF NOT EXISTS asks for the right to create even where nothing is to be created.
  absl::Status EnsureOwnTable(std::string_view name, std::string_view create) {
    if (absl::Status status = Connect(); !status.ok()) return status;
    const absl::StatusOr<bool> exists = postgresql::OwnTableExists(*connection_, name);
    if (!exists.ok()) return DropIfLost(), exists.status();
    return *exists ? absl::OkStatus() : RunDdl(std::string(create));
  }

  absl::Status Connect() {
    const DatabaseError error = Open();
    return error.ok() ? absl::OkStatus() : postgresql::ToStatus(error, "connecting");
  }

  void DropIfLost() {
    if (connection_ != nullptr && !connection_->IsAlive()) Disconnect();
  }

  // UNKNOWN is a commit in doubt. Behind UNAVAILABLE may be a server that takes no more writes
  // (25006) on a connection that stands: of several that the DSN names, another may take them.
  void DropAfter(const absl::Status& status) {
    if (absl::IsUnknown(status) || absl::IsUnavailable(status)) Disconnect();
    DropIfLost();
  }

  absl::Status Run(const std::string& sql) {
    const DatabaseError error = connection_->Run(sql);
    if (error.ok()) return absl::OkStatus();
    DropIfLost();
    return postgresql::ToStatus(error, "PostgreSQL");
  }

  // In a transaction of its own, which ends with it. Another connection may have done the same at
  // the same time: then its catalog rows were in our way, and the next attempt finds it done.
  absl::Status RunDdl(const std::string& statement) {
    const std::string sql =
        absl::StrCat("BEGIN; SET LOCAL lock_timeout = ", kDdlLockTimeoutMs,
                     "; SET LOCAL statement_timeout = ", options_.statement_timeout_ms, "; ",
                     statement, "; COMMIT");
    DatabaseError error;
    for (int attempt = 0; attempt < kDdlAttempts; ++attempt) {
      error = connection_->Run(sql);
      if (error.ok()) return absl::OkStatus();
      if (connection_->InTransaction()) static_cast<void>(connection_->Run("ROLLBACK"));
      if (!IsDdlRace(error.code)) break;
    }
    absl::Status status = postgresql::ToStatus(error, "changing the table");
    DropAfter(status);
    return status;
  }

  static absl::Status CheckNames(const TableName& name, absl::Span<const NewColumn> columns) {
    if (absl::Status status = postgresql::CheckTableName(name); !status.ok()) return status;
    for (const NewColumn& column : columns) {
      if (absl::Status status = postgresql::CheckIdentifier(column.name); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  const PostgresOptions options_;
  std::unique_ptr<Connection> connection_;
  postgresql::FlushSession session_;
};

}  // namespace

std::unique_ptr<Executor> MakePostgresExecutor(PostgresOptions options) {
  return std::make_unique<PostgresExecutor>(std::move(options));
}

}  // namespace batchsql
