#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

// Tables that cannot take a flush back, and are only written where the rule accepts that.

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

  // Dropped at the test case's end.
  std::string NewTableOf(const std::string& engine, const std::string& definition) {
    const std::string table = UniqueName(absl::StrCat("_", engine));
    db().Execute(absl::StrCat("CREATE TABLE ", table, " (", definition, ") ENGINE=", engine));
    return table;
  }

  void CheckAccepted(const std::string& table) {
    const absl::Status refusal = executor().Describe({"", table}, WriteRule()).status();
    CHECK(refusal.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(std::string(refusal.message()).find("at_least_once") != std::string::npos);
    CHECK(Describe(table, Accepting())->weakness() == TableWeakness::kNoRollback);
  }

  // Ids 0 to 99, of which every tenth breaks CHECK (a < 100).
  static std::vector<Cells> TenOfHundredBad() {
    std::vector<Cells> rows;
    for (int64_t id = 0; id < 100; ++id) {
      rows.push_back({{"id", I(id)}, {"a", I(id % 10 == 9 ? 100 : id)}});
    }
    return rows;
  }
};

TEST_CASE_METHOD(WeakTableTest, "mysql: without rollback, bad rows leave each good one there once",
                 "[mysql]") {
  const char* const engine = GENERATE("MyISAM", "Aria");
  const char* const key = GENERATE("", " PRIMARY KEY");
  INFO(engine << key);
  const std::string table =
      NewTableOf(engine, absl::StrCat("id BIGINT", key, ", a BIGINT CHECK (a < 100)"));
  CheckAccepted(table);
  const WriteOutcome outcome = Write(Describe(table, Accepting()), TenOfHundredBad());
  INFO(outcome.error.code << " " << outcome.error.message);
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 10);
  for (const RowFailure& failure : outcome.failures) CHECK(failure.row.row % 10 == 9);
  CHECK(Count(table) == 90);
  CHECK(Count(table, "a = id") == 90);
}

TEST_CASE_METHOD(WeakTableTest, "mysql: without rollback, update writes each key once", "[mysql]") {
  const std::string table =
      NewTableOf(GENERATE("MyISAM", "Aria"), "id BIGINT PRIMARY KEY, a BIGINT CHECK (a < 100)");
  const auto schema = Describe(table, Accepting(Conflict::kUpdate));
  MustWrite(schema, {{{"id", I(1)}, {"a", I(7)}}, {{"id", I(9)}, {"a", I(8)}}});
  const WriteOutcome outcome = Write(schema, TenOfHundredBad());
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 10);
  CHECK(Count(table) == 91);  // the bad row 9 left the one that was there
  CHECK(Count(table, "a = id") == 90);
  CHECK(Rows(table, "a")[9] == "8");
}

TEST_CASE_METHOD(WeakTableTest,
                 "mysql: without rollback, a flush that fails is there twice at last", "[mysql]") {
  const std::string table = NewTableOf("Aria", "id BIGINT, a BIGINT CHECK (a < 100)");
  const auto schema = Describe(table, Accepting());
  on_keep = [] { return absl::ResourceExhaustedError("no space for dead letters"); };
  CHECK(Write(schema, TenOfHundredBad()).kind == Kind::kNotCommitted);
  CHECK(Count(table) == 90);
  on_keep = [] { return absl::OkStatus(); };
  CHECK(Write(schema, TenOfHundredBad()).kind == Kind::kCommitted);
  CHECK(Count(table) == 180);
}

TEST_CASE_METHOD(WeakTableTest, "mysql: a view is written through where that is accepted",
                 "[mysql]") {
  const std::string table = NewTable("id BIGINT PRIMARY KEY, a BIGINT CHECK (a < 100)");
  const std::string view = table + "_view";
  db().Execute(absl::StrCat("CREATE VIEW ", view, " AS SELECT id, a FROM ", table));
  CheckAccepted(view);
  const WriteOutcome outcome = Write(Describe(view, Accepting()), TenOfHundredBad());
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 10);
  CHECK(Count(table, "a = id") == 90);
  CHECK(executor().Describe({"", view}, Accepting(Conflict::kUpdate)).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  db().Execute(absl::StrCat("DROP VIEW ", view));
}

TEST_CASE_METHOD(WeakTableTest,
                 "mysql: the setting changes nothing for InnoDB, and takes no system view",
                 "[mysql]") {
  const std::string table = NewTable("id BIGINT PRIMARY KEY");
  CHECK(Describe(table, Accepting())->weakness() == TableWeakness::kNone);
  CHECK(executor().Describe({"information_schema", "TABLES"}, Accepting()).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace batchsql::contract
