#include "executors/mysql/mysql_executor.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "core/log.h"
#include "executors/mysql/connection.h"
#include "executors/mysql/describe.h"
#include "executors/mysql/dsn.h"
#include "executors/mysql/errors.h"
#include "executors/mysql/row_writer.h"
#include "executors/mysql/sql_text.h"
#include "executors/shared/write_session.h"

namespace batchsql {
namespace {

constexpr int kDeadlock = 1213;
constexpr int kNoSuchSavepoint = 1305;
constexpr int kDuplicateColumn = 1060;

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

  WriteOutcome Write(const WritePlan& plan) override { return RunWrite(*this, plan); }

  bool connected() const override { return connection_ != nullptr; }

  void Disconnect() override {
    in_transaction_ = false;
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
    writer_ = std::make_unique<MySqlRowWriter>(*connection_, options_.statement_rows_max);
    WarnOnce();
    return {};
  }

  void WarnOnce() {
    if (warned_ || connection_->server().weak_durability.empty()) return;
    warned_ = true;
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

  DatabaseError Begin() override {
    if (DatabaseError error = EnsureConnected(); !error.ok()) return error;
    DatabaseError error = Execute("START TRANSACTION");
    in_transaction_ = error.ok();
    return error;
  }

  DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                          absl::Span<const RowRange> ranges) override {
    DatabaseError error = writer_->Write(plan, columns, ranges);
    Note(error);
    return error;
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
    Disconnect();
    return {WriteOutcome::Kind::kInDoubt, std::move(error)};
  }

  const MySqlOptions options_;
  const absl::StatusOr<MySqlAddress> address_;
  std::unique_ptr<MySqlConnection> connection_;
  std::unique_ptr<MySqlRowWriter> writer_;  // with the connection
  bool in_transaction_ = false;
  bool warned_ = false;
};

}  // namespace

std::unique_ptr<Executor> MakeMySqlExecutor(MySqlOptions options) {
  return std::make_unique<MySqlExecutor>(std::move(options));
}

}  // namespace batchsql
