#include <libpq-fe.h>
#include <unistd.h>

#include <cstdlib>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/postgresql_executor.h"
#include "tests/executors/contract_suite.h"
#include "tests/executors/postgresql/test_dsn.h"

namespace batchsql::contract {
namespace {

// What the server knows the executors' connections by, and no one else's.
std::string ExecutorsName() { return absl::StrCat("contract_", getpid()); }

// BATCHSQL_TEST_POSTGRES_UNNEST_CELLS_MAX: the suite runs with another border between the ways of
// writing small and large batches.
PostgresOptions OptionsFor(std::string dsn) {
  PostgresOptions options;
  options.dsn = std::move(dsn);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
  const char* cells = std::getenv("BATCHSQL_TEST_POSTGRES_UNNEST_CELLS_MAX");
  if (cells != nullptr) options.unnest_cells_max = static_cast<uint32_t>(std::stoul(cells));
  return options;
}

uint16_t PortOf(const std::string& dsn) {
  const size_t host = dsn.find('@');
  const size_t colon = dsn.find(':', host);
  if (host == std::string::npos || colon == std::string::npos) {
    throw std::runtime_error("the DSN names no port");
  }
  return static_cast<uint16_t>(std::stoi(dsn.substr(colon + 1)));
}

class PostgresTestDatabase : public TestDatabase {
 public:
  PostgresTestDatabase() : connection_(PostgresTestDsn()) {
    Execute("SET application_name = 'contract suite'");
    Execute("SET client_min_messages = warning");
  }

  std::string_view kind() const override { return "postgresql"; }

  void Execute(const std::string& sql) override { Query(sql); }

  std::vector<Row> Query(const std::string& sql) override {
    pqxx::nontransaction transaction(connection_);
    const pqxx::result result = transaction.exec(sql);
    std::vector<Row> rows;
    for (const pqxx::row& from : result) {
      Row& row = rows.emplace_back();
      for (const pqxx::field& field : from) {
        row.push_back(field.is_null()
                          ? std::nullopt
                          : std::optional<std::string>(std::string(field.c_str(), field.size())));
      }
    }
    return rows;
  }

  std::unique_ptr<Executor> MakeExecutor() override {
    return MakePostgresExecutor(
        OptionsFor(PostgresExecutorDsn("application_name=" + ExecutorsName())));
  }

  uint16_t port() const override { return PortOf(PostgresExecutorDsn()); }
  std::unique_ptr<Executor> MakeExecutorAt(uint16_t port) override {
    return MakePostgresExecutor(OptionsFor(
        WithPort(PostgresExecutorDsn("application_name=" + ExecutorsName()), this->port(), port)));
  }

  bool KillConnections() override {
    const bool bounced = PostgresExecutorDsn() != PostgresTestDsn();
    if (bounced) EndBouncersClients();
    for (const Row& row : Query(absl::StrCat("SELECT pg_terminate_backend(pid, 10000) FROM "
                                             "pg_stat_activity WHERE application_name = '",
                                             ExecutorsName(), "'"))) {
      // pgbouncer may have ended it first.
      if (row.at(0) != "t" && !bounced) throw std::runtime_error("a connection stays");
    }
    return true;
  }

  std::string Quote(std::string_view identifier) const override {
    std::string quoted = "\"";
    for (const char c : identifier) quoted.append(c == '"' ? 2 : 1, c);
    return quoted + "\"";
  }

  std::string ColumnSql(ColumnType type) override {
    switch (type) {
      case ColumnType::kBool:
        return "BOOLEAN";
      case ColumnType::kInt64:
        return "BIGINT";
      case ColumnType::kUint64:
        return "NUMERIC(20,0)";
      case ColumnType::kFloat32:
        return "REAL";
      case ColumnType::kFloat64:
        return "DOUBLE PRECISION";
      case ColumnType::kDecimal:
        return "NUMERIC(38,10)";
      case ColumnType::kText:
        return "TEXT";
      case ColumnType::kBytes:
        return "BYTEA";
      case ColumnType::kDate:
        return "DATE";
      case ColumnType::kTime:
        return "TIME";
      case ColumnType::kTimestamp:
        return "TIMESTAMP";
      case ColumnType::kTimestampTz:
        return "TIMESTAMPTZ";
      case ColumnType::kUuid:
        return "UUID";
      case ColumnType::kJson:
        return "JSONB";
      case ColumnType::kEnum:
        return EnumType();
      case ColumnType::kArray:
        return "";
    }
    return "";
  }

  std::string ArraySql(ColumnType element) override { return ColumnSql(element) + "[]"; }

  ColumnType DescribedAs(ColumnType type) const override {
    return type == ColumnType::kUint64 ? ColumnType::kDecimal : type;
  }

  std::string Canonical(ColumnType type, const std::string& column) const override {
    switch (type) {
      case ColumnType::kBool:
        return absl::StrCat("(", column, ")::int");
      case ColumnType::kFloat32:
        return absl::StrCat("(", column, ")::double precision");
      case ColumnType::kBytes:
        return absl::StrCat("encode(", column, ", 'hex')");
      case ColumnType::kTime:
        return absl::StrCat("to_char(", column, ", 'HH24:MI:SS.US')");
      case ColumnType::kTimestamp:
        return absl::StrCat("to_char(", column, ", 'YYYY-MM-DD HH24:MI:SS.US')");
      case ColumnType::kTimestampTz:
        return absl::StrCat("to_char(", column, " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')");
      case ColumnType::kArray:
        return absl::StrCat("to_json(", column, ")");
      default:
        return column;
    }
  }

  std::set<std::string> RefusedEdges() const override { return {"text NUL"}; }

  bool has_deferred_constraints() const override { return true; }

 private:
  // pgbouncer gives a client whose server is gone another one.
  static void EndBouncersClients() {
    // libpqxx takes no server that calls itself pgbouncer.
    const std::string dsn = PostgresExecutorDsn();
    const std::unique_ptr<PGconn, decltype(&PQfinish)> console(
        PQconnectdb((dsn.substr(0, dsn.rfind('/')) + "/pgbouncer").c_str()), &PQfinish);
    for (const char* command : {"KILL batchsql", "RESUME batchsql"}) {
      const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(console.get(), command),
                                                                 &PQclear);
      if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
        throw std::runtime_error(absl::StrCat("pgbouncer: ", PQerrorMessage(console.get())));
      }
    }
  }

  std::string EnumType() {
    if (Query("SELECT 1 FROM pg_type WHERE typname = 'contract_color'").empty()) {
      Execute("CREATE TYPE contract_color AS ENUM ('red', 'green', 'größer')");
    }
    return "contract_color";
  }

  pqxx::connection connection_;
};

}  // namespace

std::unique_ptr<TestDatabase> MakeTestDatabase() {
  return std::make_unique<PostgresTestDatabase>();
}

}  // namespace batchsql::contract
