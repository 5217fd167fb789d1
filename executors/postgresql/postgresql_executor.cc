#include "executors/postgresql/postgresql_executor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/connection.h"
#include "executors/postgresql/describe.h"
#include "executors/postgresql/errors.h"
#include "executors/postgresql/flush_session.h"
#include "executors/postgresql/statements.h"

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
      : options_(std::move(options)), flush_(options_.statement_timeout_ms) {}

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

  WriteOutcome Write(const WritePlan& plan) override {
    WriteOutcome outcome = flush_.Write(plan, [this]() -> std::pair<Connection*, DatabaseError> {
      DatabaseError error = Open();
      return {connection_.get(), std::move(error)};
    });
    if (outcome.kind == WriteOutcome::Kind::kInDoubt) Disconnect();
    DropIfLost();
    return outcome;
  }

  bool connected() const override { return connection_ != nullptr; }
  void Disconnect() override { connection_.reset(); }

 private:
  // Opens the connection unless one is open and outside any transaction.
  DatabaseError Open() {
    if (connection_ != nullptr && !connection_->IsIdle()) connection_.reset();
    if (connection_ != nullptr) return {};
    return Connection::Open(options_.dsn, options_.connect_timeout_ms,
                            options_.statement_timeout_ms + kAnswerSlackMs, &connection_);
  }

  absl::Status Connect() {
    const DatabaseError error = Open();
    return error.ok() ? absl::OkStatus() : postgresql::ToStatus(error, "connecting");
  }

  void DropIfLost() {
    if (connection_ != nullptr && !connection_->IsAlive()) connection_.reset();
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
    DropIfLost();
    return postgresql::ToStatus(error, "changing the table");
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
  postgresql::FlushSession flush_;
};

}  // namespace

std::unique_ptr<Executor> MakePostgresExecutor(PostgresOptions options) {
  return std::make_unique<PostgresExecutor>(std::move(options));
}

}  // namespace batchsql
