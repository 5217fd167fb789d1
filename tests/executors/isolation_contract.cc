#include <algorithm>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Strings = std::vector<std::string>;

constexpr int64_t kRows = 10'000;
// First, last, neighbours, both sides of likely statement and bisection borders.
const std::vector<int64_t> kBad = {0, 1, 777, 4'999, 5'000, 9'998, 9'999};

Value I(int64_t value) { return Value::Int(value); }
Value N() { return Value::Null(); }

bool IsBad(int64_t id) { return std::find(kBad.begin(), kBad.end(), id) != kBad.end(); }

// The ids of the rows that the outcome names, ascending.
std::vector<int64_t> FailedIds(const WriteOutcome& outcome, const TableSchema& schema,
                               const RowBlock& block) {
  ColumnView ids;
  REQUIRE(block.FindColumn(static_cast<uint16_t>(schema.FindColumn("id")), &ids));
  std::vector<int64_t> failed;
  for (const RowFailure& failure : outcome.failures) failed.push_back(ids.i64(failure.row.row));
  std::sort(failed.begin(), failed.end());
  return failed;
}

void CheckReasons(const WriteOutcome& outcome, RejectReason reason) {
  for (const RowFailure& failure : outcome.failures) {
    CHECK(failure.error.error_class == ErrorClass::kRow);
    CHECK(RejectReasonName(failure.error.reason) == RejectReasonName(reason));
    CHECK_FALSE(failure.error.code.empty());
    CHECK(failure.error.message.empty());
  }
}

class IsolationTest : public ContractTest {
 protected:
  // kRows rows; `a` is `bad` in the rows of kBad, else 1.
  static std::vector<Cells> BadRows(int64_t bad) {
    std::vector<Cells> rows;
    for (int64_t id = 0; id < kRows; ++id) {
      rows.push_back({{"id", I(id)}, {"a", I(IsBad(id) ? bad : 1)}, {"b", I(id)}});
    }
    return rows;
  }

  // Writes BadRows(bad) and expects the seven to be named and the others to be in the table.
  void CheckSevenOfTenThousand(const std::string& table, Conflict strategy, int64_t bad,
                               RejectReason reason) {
    INFO(std::string(ConflictName(strategy)));
    const auto schema = Describe(table, strategy);
    const RowBlock block = Block(*schema, BadRows(bad));
    const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&block});
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(outcome.kind == Kind::kCommitted);
    CHECK(FailedIds(outcome, *schema, block) == kBad);
    CheckReasons(outcome, reason);
    CHECK(Count(table) == kRows - static_cast<int64_t>(kBad.size()));
    CHECK(Count(table, "a = 1") == kRows - static_cast<int64_t>(kBad.size()));
  }
};

TEST_CASE_METHOD(IsolationTest, "Seven duplicates in ten thousand inserts are named",
                 "[isolation]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table, Conflict::kInsert);
  std::vector<Cells> present;
  present.reserve(kBad.size());
  for (int64_t id : kBad) present.push_back({{"id", I(id)}, {"a", I(-1)}});
  MustWrite(schema, present);

  const RowBlock block = Block(*schema, BadRows(1));
  const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&block});
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(FailedIds(outcome, *schema, block) == kBad);
  CheckReasons(outcome, RejectReason::kDuplicateKey);
  CHECK(Count(table, "a = 1") == kRows - static_cast<int64_t>(kBad.size()));
  CHECK(Count(table, "a = -1") == static_cast<int64_t>(kBad.size()));
}

TEST_CASE_METHOD(IsolationTest, "Duplicates within one batch of inserts: one of each stays",
                 "[isolation]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table, Conflict::kInsert);
  const WriteOutcome outcome = Write(schema, {{{"id", I(1)}, {"a", I(1)}},
                                              {{"id", I(2)}, {"a", I(2)}},
                                              {{"id", I(1)}, {"a", I(3)}},
                                              {{"id", I(1)}, {"a", I(4)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 2);
  CheckReasons(outcome, RejectReason::kDuplicateKey);
  CHECK(Count(table) == 2);
}

TEST_CASE_METHOD(IsolationTest, "Seven CHECK violations in ten thousand rows are named",
                 "[isolation]") {
  const auto strategy =
      GENERATE(Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  CheckSevenOfTenThousand(NewTableAB("CHECK (a > 0)"), strategy, -5, RejectReason::kConstraint);
}

TEST_CASE_METHOD(IsolationTest, "Seven foreign key violations in ten thousand rows are named",
                 "[isolation]") {
  const auto strategy =
      GENERATE(Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  const std::string parent = NewTableAB();
  MustWrite(Describe(parent), {{{"id", I(1)}}});
  const std::string child =
      NewTableAB(absl::StrCat("FOREIGN KEY (a) REFERENCES ", parent, " (id)"));
  CheckSevenOfTenThousand(child, strategy, 404, RejectReason::kForeignKey);
}

TEST_CASE_METHOD(IsolationTest, "Seven deferred foreign key violations are named", "[isolation]") {
  if (!db().has_deferred_constraints()) return;
  const auto strategy =
      GENERATE(Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  const std::string parent = NewTableAB();
  MustWrite(Describe(parent), {{{"id", I(1)}}});
  const std::string child = NewTableAB(
      absl::StrCat("FOREIGN KEY (a) REFERENCES ", parent, " (id) DEFERRABLE INITIALLY DEFERRED"));
  CheckSevenOfTenThousand(child, strategy, 404, RejectReason::kForeignKey);
}

TEST_CASE_METHOD(IsolationTest, "A deferred foreign key may be satisfied by a later row",
                 "[isolation]") {
  if (!db().has_deferred_constraints()) return;
  const std::string table = UniqueName();
  const std::string integer = Sql(ColumnType::kInt64);
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id ", integer, " NOT NULL PRIMARY KEY, a ",
                            integer, " REFERENCES ", table,
                            " (id) DEFERRABLE INITIALLY DEFERRED)"));
  MustWrite(Describe(table), {{{"id", I(1)}, {"a", I(2)}}, {{"id", I(2)}, {"a", I(1)}}});
  CHECK(Count(table) == 2);
}

TEST_CASE_METHOD(IsolationTest, "A row whose parent comes later in the batch is not at fault",
                 "[isolation]") {
  const auto strategy =
      GENERATE(Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  INFO(std::string(ConflictName(strategy)));
  const Strings deferrals =
      db().has_deferred_constraints() ? Strings{"", " DEFERRABLE INITIALLY DEFERRED"} : Strings{""};
  for (const std::string& deferral : deferrals) {
    INFO(deferral);
    const std::string table = UniqueName();
    const std::string integer = Sql(ColumnType::kInt64);
    db().Execute(absl::StrCat("CREATE TABLE ", table, " (id ", integer, " NOT NULL PRIMARY KEY, a ",
                              integer, ", FOREIGN KEY (a) REFERENCES ", table, " (id)", deferral,
                              ")"));
    const WriteOutcome outcome = Write(Describe(table, strategy), {{{"id", I(1)}, {"a", I(2)}},
                                                                   {{"id", I(9)}, {"a", I(404)}},
                                                                   {{"id", I(2)}, {"a", I(3)}},
                                                                   {{"id", I(3)}, {"a", I(4)}},
                                                                   {{"id", I(4)}, {"a", I(5)}},
                                                                   {{"id", I(5)}, {"a", N()}},
                                                                   {{"id", I(6)}, {"a", N()}}});
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(outcome.kind == Kind::kCommitted);
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].row == RowRef{0, 1});
    CheckReasons(outcome, RejectReason::kForeignKey);
    CHECK(Rows(table, "id, a") == Strings{"1|2", "2|3", "3|4", "4|5", "5|NULL", "6|NULL"});
  }
}

TEST_CASE_METHOD(IsolationTest, "update: a merged row waits for its parent as one", "[isolation]") {
  const std::string table = UniqueName();
  const std::string integer = Sql(ColumnType::kInt64);
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id ", integer, " NOT NULL PRIMARY KEY, a ",
                            integer, ", b ", integer, ", FOREIGN KEY (a) REFERENCES ", table,
                            " (id))"));
  const WriteOutcome outcome =
      Write(Describe(table, Conflict::kUpdate), {{{"id", I(1)}, {"a", I(2)}, {"b", I(1)}},
                                                 {{"id", I(9)}, {"a", I(404)}, {"b", I(1)}},
                                                 {{"id", I(9)}, {"a", N()}, {"b", I(2)}},
                                                 {{"id", I(9)}, {"a", I(404)}, {"b", I(3)}},
                                                 {{"id", I(1)}, {"a", I(3)}, {"b", I(2)}},
                                                 {{"id", I(2)}, {"a", N()}, {"b", I(1)}},
                                                 {{"id", I(3)}, {"a", N()}, {"b", I(1)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  std::vector<RowRef> failed;
  for (const RowFailure& failure : outcome.failures) failed.push_back(failure.row);
  CHECK(failed == std::vector<RowRef>{{0, 1}, {0, 3}});
  CHECK(Rows(table, "id, a, b") == Strings{"1|3|2", "2|NULL|1", "3|NULL|1", "9|NULL|2"});
}

// Where keys may be equal in different ways, rows of one key are not merged.
TEST_CASE_METHOD(IsolationTest, "A row that waits for its parent does not overwrite a newer one",
                 "[isolation]") {
  const auto strategy = GENERATE(Conflict::kUpdate, Conflict::kReplace);
  const std::string table = UniqueName();
  const std::string decimal = Sql(ColumnType::kDecimal);
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id ", decimal, " NOT NULL PRIMARY KEY, a ",
                            decimal, ", b ", decimal, ", FOREIGN KEY (a) REFERENCES ", table,
                            " (id))"));
  const auto schema = Describe(table, strategy);
  const auto number = [](const char* text) { return Value::Number(text); };
  const WriteOutcome outcome =
      Write(schema, {{{"id", number("1")}, {"a", number("2")}, {"b", number("1")}},
                     {{"id", number("9")}, {"a", number("404")}, {"b", number("1")}},
                     {{"id", number("1")}, {"a", N()}, {"b", number("2")}},
                     {{"id", number("2")}, {"a", N()}, {"b", number("3")}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(Count(table) == 2);
  CHECK(Count(table, "id = 1 AND a IS NULL AND b = 2") == 1);
}

TEST_CASE_METHOD(IsolationTest, "All rows bad: none is written, all are named", "[isolation]") {
  const std::string table = NewTableAB("CHECK (a > 0)");
  const auto schema = Describe(table);
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 300; ++id) rows.push_back({{"id", I(id)}, {"a", I(-id)}});
  rows.front() = {{"id", I(0)}, {"a", I(-1)}};
  const WriteOutcome outcome = Write(schema, rows);
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 300);
  CheckReasons(outcome, RejectReason::kConstraint);
  CHECK(Count(table) == 0);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}}});  // the connection is as good as before
}

TEST_CASE_METHOD(IsolationTest, "A single bad row", "[isolation]") {
  const std::string table = NewTableAB("CHECK (a > 0)");
  const WriteOutcome outcome = Write(Describe(table), {{{"id", I(1)}, {"a", I(-1)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 0});
  CHECK(Count(table) == 0);
}

TEST_CASE_METHOD(IsolationTest, "Bad rows in several blocks and groups of columns", "[isolation]") {
  const std::string table = NewTableAB("CHECK (a > 0), CHECK (b > 0)");
  const auto schema = Describe(table);
  const RowBlock first = Block(
      *schema,
      {{{"id", I(1)}, {"a", I(1)}}, {{"id", I(2)}, {"b", I(-1)}}, {{"id", I(3)}, {"b", I(1)}}});
  const RowBlock second = Block(*schema, {{{"id", I(4)}, {"b", I(1)}},
                                          {{"id", I(5)}, {"a", I(-1)}},
                                          {{"id", I(6)}, {"a", I(1)}, {"b", I(-1)}}});
  const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&first, &second});
  REQUIRE(outcome.kind == Kind::kCommitted);
  std::vector<RowRef> failed;
  for (const RowFailure& failure : outcome.failures) failed.push_back(failure.row);
  std::sort(failed.begin(), failed.end());
  CHECK(failed == std::vector<RowRef>{{0, 1}, {1, 1}, {1, 2}});
  CHECK(Rows(table, "id") == Strings{"1", "3", "4"});
}

TEST_CASE_METHOD(IsolationTest, "replace: when the last of equal keys is refused, the others count",
                 "[isolation]") {
  const std::string table = NewTableAB("CHECK (a < 100)");
  const auto schema = Describe(table, Conflict::kReplace);
  const WriteOutcome outcome = Write(schema, {{{"id", I(1)}, {"a", I(1)}},
                                              {{"id", I(1)}, {"a", I(2)}},
                                              {{"id", I(1)}, {"a", I(500)}},
                                              {{"id", I(2)}, {"a", I(3)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 2});
  CHECK(Rows(table, "id, a") == Strings{"1|2", "2|3"});
}

TEST_CASE_METHOD(IsolationTest, "ignore: when the first of equal keys is refused, the next counts",
                 "[isolation]") {
  const std::string table = NewTableAB("CHECK (a < 100)");
  const auto schema = Describe(table, Conflict::kIgnore);
  const WriteOutcome outcome = Write(
      schema,
      {{{"id", I(1)}, {"a", I(500)}}, {{"id", I(1)}, {"a", I(2)}}, {{"id", I(1)}, {"a", I(3)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 0});
  CHECK(Rows(table, "id, a") == Strings{"1|2"});
}

TEST_CASE_METHOD(IsolationTest,
                 "update: when a merged row is refused, its parts are tried in order",
                 "[isolation]") {
  const std::string table = NewTableAB("CHECK (a < 100)");
  const auto schema = Describe(table, Conflict::kUpdate);
  const WriteOutcome outcome = Write(schema, {{{"id", I(1)}, {"a", I(1)}},
                                              {{"id", I(1)}, {"b", I(2)}},
                                              {{"id", I(1)}, {"a", I(500)}, {"b", I(3)}},
                                              {{"id", I(2)}, {"b", I(4)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 2});
  CHECK(Rows(table, "id, a, b") == Strings{"1|1|2", "2|NULL|4"});
}

}  // namespace
}  // namespace batchsql::contract
