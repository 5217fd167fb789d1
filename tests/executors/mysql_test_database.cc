#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "executors/mysql/connection.h"
#include "executors/mysql/mysql_executor.h"
#include "executors/mysql/sql_text.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

// The database that BATCHSQL_TEST_MYSQL_DSN names, on MariaDB or MySQL. It must have no other users
// of the same name at the time: KillConnections ends them.
class MySqlTestDatabase final : public TestDatabase {
 public:
  MySqlTestDatabase() : dsn_(Dsn()) {
    const absl::StatusOr<MySqlAddress> address = ParseMySqlDsn(dsn_);
    if (!address.ok()) throw std::runtime_error(std::string(address.status().message()));
    Check(MySqlConnection::Open(*address, {}, &connection_));
  }

  std::string_view kind() const override { return "mysql"; }

  void Execute(const std::string& sql) override { Check(connection_->Execute(sql)); }

  std::vector<Row> Query(const std::string& sql) override {
    std::vector<MySqlRow> rows;
    Check(connection_->Query(sql, {}, &rows));
    return rows;
  }

  std::unique_ptr<Executor> MakeExecutor() override { return MakeMySqlExecutor(Options(dsn_)); }

  uint16_t port() const override { return ParseMySqlDsn(dsn_)->port; }
  std::unique_ptr<Executor> MakeExecutorAt(uint16_t port) override {
    return MakeMySqlExecutor(Options(WithPort(dsn_, this->port(), port)));
  }

  bool KillConnections() override {
    // KILL shuts the socket down before it returns.
    for (const Row& row : Query(Others())) {
      // One that has ended meanwhile is an error (1094), and gone all the same.
      static_cast<void>(connection_->Execute(absl::StrCat("KILL ", *row[0])));
    }
    return true;
  }

  std::string Quote(std::string_view identifier) const override {
    return QuoteMySqlIdentifier(identifier);
  }

  std::string ColumnSql(ColumnType type) override {
    switch (type) {
      case ColumnType::kBool:
        return "BOOLEAN";
      case ColumnType::kInt64:
        return "BIGINT";
      case ColumnType::kUint64:
        return "BIGINT UNSIGNED";
      case ColumnType::kFloat32:
        return "FLOAT";
      case ColumnType::kFloat64:
        return "DOUBLE";
      case ColumnType::kDecimal:
        return "DECIMAL(38,10)";
      case ColumnType::kText:
        return "LONGTEXT CHARACTER SET utf8mb4";
      case ColumnType::kBytes:
        return "LONGBLOB";
      case ColumnType::kDate:
        return "DATE";
      case ColumnType::kTime:
        return "TIME(6)";
      case ColumnType::kTimestamp:
        return "DATETIME(6)";
      case ColumnType::kTimestampTz:
        return "TIMESTAMP(6) NULL";
      case ColumnType::kUuid:
        return connection_->server().is_mariadb ? "UUID" : "";
      case ColumnType::kJson:
        return "JSON";
      case ColumnType::kEnum:
        return "ENUM('red', 'green', 'gr\xc3\xb6\xc3\x9f"
               "er') CHARACTER SET utf8mb4";
      case ColumnType::kArray:
        return "";
    }
    return "";
  }
  std::string ArraySql(ColumnType /*element*/) override { return ""; }
  // BOOLEAN is TINYINT(1), which holds −128 to 127.
  ColumnType DescribedAs(ColumnType type) const override {
    return type == ColumnType::kBool ? ColumnType::kInt64 : type;
  }

  std::string Canonical(ColumnType type, const std::string& column) const override {
    switch (type) {
      case ColumnType::kBytes:
        return absl::StrCat("LOWER(HEX(", column, "))");
      case ColumnType::kFloat32:
        // As a double: a FLOAT is shown with six digits.
        return absl::StrCat("(", column, " * 1e0)");
      default:
        return column;
    }
  }

  std::set<std::string> RefusedEdges() const override {
    return {"bool text",  // an integer takes true and false, but no text of them
            "float64 nan",
            "float64 inf",
            "float64 -inf",
            "float64 -0",
            "float32 nan",
            "float32 inf",
            "float32 -0",
            "timestamptz before 1970",
            "timestamptz after 2038",
            "timestamptz 9999"};
  }

  bool has_deferred_constraints() const override { return false; }

 private:
  // BATCHSQL_TEST_MYSQL_PORTABLE: the suite runs on what every server of the family understands.
  static MySqlOptions Options(const std::string& dsn) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
    return {.dsn = dsn, .array_binding = std::getenv("BATCHSQL_TEST_MYSQL_PORTABLE") == nullptr};
  }

  static std::string Dsn() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
    const char* dsn = std::getenv("BATCHSQL_TEST_MYSQL_DSN");
    if (dsn == nullptr) throw std::runtime_error("BATCHSQL_TEST_MYSQL_DSN is not set");
    return dsn;
  }

  static void Check(const DatabaseError& error) {
    if (!error.ok()) throw std::runtime_error(absl::StrCat(error.code, " ", error.message));
  }

  static std::string Others() {
    return "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
           " AND USER = SUBSTRING_INDEX(USER(), '@', 1) AND DB = DATABASE()";
  }

  const std::string dsn_;
  std::unique_ptr<MySqlConnection> connection_;
};

}  // namespace

std::unique_ptr<TestDatabase> MakeTestDatabase() { return std::make_unique<MySqlTestDatabase>(); }

}  // namespace batchsql::contract
