#include <libpq-fe.h>

#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"
#include "tests/executors/postgresql/test_dsn.h"

// Tables that cannot keep the promise of exactly once, and are only written where the rule accepts
// that.

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }

class WeakTableTest : public ContractTest {
 protected:
  static WriteRule Accepting(Conflict conflict = Conflict::kInsert) {
    WriteRule rule;
    rule.conflict = conflict;
    rule.at_least_once = true;
    return rule;
  }

  // Refused by the default rule, with a hint, and taken for `weakness` by the accepting one.
  void CheckAccepted(const std::string& table, TableWeakness weakness) {
    const absl::Status refusal = executor().Describe({"", table}, WriteRule()).status();
    CHECK(refusal.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(std::string(refusal.message()).find("at_least_once") != std::string::npos);
    CHECK(Describe(table, Accepting())->weakness() == weakness);
  }

  // The parts of the DSN, by name.
  static std::map<std::string, std::string> DsnParts() {
    std::map<std::string, std::string> parts;
    PQconninfoOption* const options = PQconninfoParse(PostgresTestDsn().c_str(), nullptr);
    for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
      if (option->val != nullptr) parts[option->keyword] = option->val;
    }
    PQconninfoFree(options);
    return parts;
  }

  // Four rows, of which the third breaks CHECK (a < 100): it is told, the others are written.
  void CheckIsolates(const std::string& table, Conflict conflict = Conflict::kInsert) {
    const WriteOutcome outcome =
        Write(Describe(table, Accepting(conflict)), {{{"id", I(1)}, {"a", I(1)}},
                                                     {{"id", I(2)}, {"a", I(2)}},
                                                     {{"id", I(3)}, {"a", I(100)}},
                                                     {{"id", I(4)}, {"a", I(4)}}});
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(outcome.kind == Kind::kCommitted);
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].row == RowRef{0, 2});
    CHECK(Rows(table, "id, a") == Strings{"1|1", "2|2", "4|4"});
  }
};

TEST_CASE_METHOD(WeakTableTest, "PostgreSQL: an unlogged table is written where that is accepted",
                 "[postgresql]") {
  for (const Conflict conflict : {Conflict::kInsert, Conflict::kUpdate}) {
    const std::string table = NewTable("id BIGINT PRIMARY KEY, a INT CHECK (a < 100)",
                                       conflict == Conflict::kInsert ? "_insert" : "_update");
    db().Execute(absl::StrCat("ALTER TABLE ", table, " SET UNLOGGED"));
    CheckAccepted(table, TableWeakness::kUnlogged);
    CheckIsolates(table, conflict);
  }
}

TEST_CASE_METHOD(WeakTableTest, "PostgreSQL: a table is as weak as its weakest part",
                 "[postgresql]") {
  const std::string table = UniqueName();
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id BIGINT, a INT) PARTITION BY RANGE (id)"));
  db().Execute(absl::StrCat("CREATE UNLOGGED TABLE ", table, "_1 PARTITION OF ", table,
                            " FOR VALUES FROM (0) TO (100)"));
  CheckAccepted(table, TableWeakness::kUnlogged);
}

TEST_CASE_METHOD(WeakTableTest, "PostgreSQL: a view is written through where that is accepted",
                 "[postgresql]") {
  const std::string table =
      NewTable("id BIGINT PRIMARY KEY, a INT CHECK (a < 100), made INT DEFAULT 7");
  const std::string view = table + "_view";
  db().Execute(absl::StrCat("CREATE VIEW ", view, " AS SELECT id, a FROM ", table));
  CheckAccepted(view, TableWeakness::kView);
  CheckIsolates(view);
  CHECK(Rows(table, "id, made") == Strings{"1|7", "2|7", "4|7"});
  // A view tells no key to meet a row by.
  CHECK(executor().Describe({"", view}, Accepting(Conflict::kUpdate)).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  db().Execute(absl::StrCat("DROP VIEW ", view));
}

TEST_CASE_METHOD(WeakTableTest, "PostgreSQL: a foreign table is written where that is accepted",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGINT PRIMARY KEY, a INT CHECK (a < 100)");
  const std::string server = table + "_server";
  const std::string foreign = table + "_foreign";
  std::map<std::string, std::string> dsn = DsnParts();
  db().Execute(absl::StrCat("CREATE SERVER ", server, " FOREIGN DATA WRAPPER postgres_fdw OPTIONS ",
                            "(host '", dsn["host"], "', port '", dsn["port"], "', dbname '",
                            dsn["dbname"], "')"));
  db().Execute(absl::StrCat("CREATE USER MAPPING FOR CURRENT_USER SERVER ", server,
                            " OPTIONS (user '", dsn["user"], "', password '", dsn["password"],
                            "')"));
  db().Execute(absl::StrCat("CREATE FOREIGN TABLE ", foreign, " (id BIGINT, a INT) SERVER ", server,
                            " OPTIONS (table_name '", table, "')"));
  CheckAccepted(foreign, TableWeakness::kForeign);
  CheckIsolates(foreign);
  db().Execute(absl::StrCat("DROP SERVER ", server, " CASCADE"));
}

TEST_CASE_METHOD(WeakTableTest, "PostgreSQL: what is no table stays refused", "[postgresql]") {
  const std::string table = NewTable("id BIGINT");
  const std::string view = table + "_view";
  const std::string sequence = table + "_sequence";
  db().Execute(absl::StrCat("CREATE MATERIALIZED VIEW ", view, " AS SELECT id FROM ", table));
  db().Execute(absl::StrCat("CREATE SEQUENCE ", sequence));
  for (const std::string& name : {view, sequence}) {
    CHECK(executor().Describe({"", name}, Accepting()).status().code() ==
          absl::StatusCode::kFailedPrecondition);
  }
  db().Execute(absl::StrCat("DROP MATERIALIZED VIEW ", view));
  db().Execute(absl::StrCat("DROP SEQUENCE ", sequence));
}

TEST_CASE_METHOD(WeakTableTest, "PostgreSQL: the setting changes nothing for other tables",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGINT PRIMARY KEY, a INT CHECK (a < 100)");
  CHECK(Describe(table, Accepting())->weakness() == TableWeakness::kNone);
  CheckIsolates(table);
}

}  // namespace
}  // namespace batchsql::contract
