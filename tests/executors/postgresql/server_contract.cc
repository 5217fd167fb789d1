#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/postgresql_executor.h"
#include "tests/executors/contract_suite.h"
#include "tests/executors/postgresql/test_dsn.h"

// What the executor does when the whole server is set otherwise.

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;

// The superuser's, over the socket of the server that tests/support/servers.py started.
std::string AdminDsn() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
  const char* variable = std::getenv("BATCHSQL_TEST_POSTGRES_SOCKET");
  if (variable == nullptr) throw std::runtime_error("BATCHSQL_TEST_POSTGRES_SOCKET is not set");
  const std::string socket = variable;
  return absl::StrCat("user=postgres dbname=postgres host=", socket.substr(0, socket.rfind('/')),
                      " port=", socket.substr(socket.rfind('.') + 1));
}

// A setting of the whole server, for as long as this lives. Sessions take it over a little later;
// at the end, that of `db` has it back.
class ServerSetting {
 public:
  ServerSetting(TestDatabase& db, std::string name, const std::string& value)
      : db_(db), name_(std::move(name)), before_(Shown()), admin_(AdminDsn()) {
    Alter(absl::StrCat("SET ", name_, " = ", value));
  }
  ~ServerSetting() {
    Alter("RESET " + name_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (Shown() != before_ && std::chrono::steady_clock::now() < deadline) {
    }
  }
  ServerSetting(const ServerSetting&) = delete;
  ServerSetting& operator=(const ServerSetting&) = delete;

 private:
  std::string Shown() { return db_.Query("SHOW " + name_).at(0).at(0).value(); }

  void Alter(const std::string& how) {
    pqxx::nontransaction transaction(admin_);
    transaction.exec("ALTER SYSTEM " + how);
    transaction.exec("SELECT pg_reload_conf()");
  }

  TestDatabase& db_;
  const std::string name_;
  const std::string before_;
  pqxx::connection admin_;
};

class PostgresServerTest : public ContractTest {
 protected:
  // Writes one row after the other until one of them is not committed. The move that tried it.
  SlotMove WriteUntilRefused(Executor& executor, const std::shared_ptr<const TableSchema>& schema,
                             WriteOutcome* outcome) {
    SlotMove move;
    do {
      move = NextMove();
      const RowBlock block = Block(*schema, {{{"id", Value::Int(++tried_)}}});
      *outcome = WriteThrough(executor, PlanWrite(schema, {&block}), {move, {}});
    } while (outcome->kind == Kind::kCommitted && tried_ < kTriesMax);
    return move;
  }

  static constexpr int64_t kTriesMax = 100'000;
  int64_t tried_ = 0;
};

TEST_CASE_METHOD(PostgresServerTest,
                 "PostgreSQL: a commit that waits for its standby is in doubt until that has it",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  PostgresOptions options;
  options.dsn = PostgresTestDsn();
  options.statement_timeout_ms = 2'000;
  const auto executor = MakePostgresExecutor(options);
  SlotMove move;
  {
    const ServerSetting standby(db(), "synchronous_standby_names", "nobody");
    WriteOutcome outcome;
    move = WriteUntilRefused(*executor, schema, &outcome);
    INFO(outcome.error.code);
    REQUIRE(outcome.kind == Kind::kInDoubt);
    // Ending the session would end its wait, and show as committed what no standby has.
    CHECK(executor->Resolve(move).status().code() == absl::StatusCode::kUnavailable);
    CHECK(Count(table) == tried_ - 1);
  }
  absl::StatusOr<Resolution> resolution = executor->Resolve(move);
  for (int i = 0; i < 100 && !resolution.ok(); ++i) resolution = executor->Resolve(move);
  REQUIRE(resolution.ok());
  CHECK(*resolution == Resolution::kCommitted);
  CHECK(Count(table) == tried_);
}

// As after a planned change of the primary: its sessions stay, and it takes no more writes.
TEST_CASE_METHOD(
    PostgresServerTest,
    "PostgreSQL: a server that takes no more writes is left, though its session stands",
    "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  {
    const ServerSetting read_only(db(), "default_transaction_read_only", "on");
    WriteOutcome outcome;
    WriteUntilRefused(executor(), schema, &outcome);
    CHECK(outcome.kind == Kind::kNotCommitted);
    CHECK(outcome.error.code == "25006");
    CHECK(outcome.error.error_class == ErrorClass::kReconnect);
    CHECK_FALSE(executor().connected());
    CHECK(executor().Claim(NextClaim()).code() == absl::StatusCode::kUnavailable);
    CHECK_FALSE(executor().connected());
    CHECK(executor().CreateTable({"", UniqueName("_new")}, {{{"id", ColumnType::kInt64}}}).code() ==
          absl::StatusCode::kUnavailable);
    CHECK_FALSE(executor().connected());
    CHECK(executor().PurgeLetters(pipeline(), {}).status().code() ==
          absl::StatusCode::kUnavailable);
    CHECK_FALSE(executor().connected());
  }
  // A pooler's sessions may learn of it a moment later.
  WriteOutcome outcome;
  do {
    outcome = Write(schema, std::vector<Cells>{{{"id", Value::Int(++tried_)}}});
  } while (outcome.error.code == "25006" && tried_ < kTriesMax);
  CHECK(outcome.kind == Kind::kCommitted);
}

}  // namespace
}  // namespace batchsql::contract
