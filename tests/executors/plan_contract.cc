#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }

TEST_CASE_METHOD(ContractTest, "Several blocks of one plan are written together", "[plan]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const RowBlock first =
      Block(*schema, {{{"id", I(1)}, {"a", I(1)}, {"b", I(1)}}, {{"id", I(2)}, {"b", I(2)}}});
  const RowBlock second = Block(*schema, {{{"b", I(3)}, {"id", I(3)}}});
  const RowBlock third = Block(*schema, {{{"id", I(4)}, {"a", Value::Null()}, {"b", I(4)}}});
  const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&first, &second, &third});
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(Rows(table, "id, a, b") == Strings{"1|1|1", "2|NULL|2", "3|NULL|3", "4|NULL|4"});
}

TEST_CASE_METHOD(ContractTest, "Rows that validation refused are not in the block", "[plan]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const BuiltRows built = Build(*schema, {{{"id", I(1)}, {"a", I(1)}},
                                          {{"id", I(2)}, {"a", Value::Text("x")}},
                                          {{"id", I(3)}, {"no_such_column", I(1)}},
                                          {{"a", I(4)}},
                                          {{"id", I(5)}, {"a", I(5)}}});
  REQUIRE(built.block.has_value());
  CHECK(built.rejected.size() == 3);
  const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&*built.block});
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(Rows(table, "id, a") == Strings{"1|1", "5|5"});
}

TEST_CASE_METHOD(ContractTest, "A generated column is not for clients", "[plan]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table =
      NewTable(absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY, twice ", integer,
                            " GENERATED ALWAYS AS (id * 2) STORED, a ", integer));
  const auto strategy =
      GENERATE(Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  const auto schema = Describe(table, strategy);
  const BuiltRows built = Build(*schema, {{{"id", I(1)}, {"twice", I(2)}}});
  REQUIRE(built.rejected.size() == 1);
  CHECK(built.rejected[0].field == "twice");
  MustWrite(schema, {{{"id", I(3)}, {"a", I(1)}}});
  CHECK(Rows(table, "id, twice, a") == Strings{"3|6|1"});
}

TEST_CASE_METHOD(ContractTest, "Identifiers of every kind are quoted", "[plan]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const Strings names = {"select",
                         "Group",
                         "with space",
                         "quo\"te",
                         "back`tick",
                         "it's",
                         "na\xc3\xafve \xe5\x88\x97",
                         "semi;colon --",
                         "question?",
                         "$1",
                         "per%cent",
                         "back\\slash",
                         "colon:name",
                         "[bracket]"};
  std::string definition = absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY");
  for (const std::string& name : names) {
    absl::StrAppend(&definition, ", ", db().Quote(name), " ", integer);
  }
  const std::string table = NewTable(definition, " we\"ird `ta'ble\\ \xc3\xa9$1?%");
  const auto strategy =
      GENERATE(Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  INFO(std::string(ConflictName(strategy)));
  const auto schema = Describe(table, strategy);
  Cells cells = {{"id", I(1)}};
  std::string expected = "1";
  std::string columns = "id";
  for (size_t i = 0; i < names.size(); ++i) {
    cells.emplace_back(names[i], I(static_cast<int64_t>(i)));
    absl::StrAppend(&expected, "|", i);
    absl::StrAppend(&columns, ", ", db().Quote(names[i]));
  }
  MustWrite(schema, {cells});
  if (strategy != Conflict::kInsert) MustWrite(schema, {cells});
  CHECK(Rows(table, columns) == Strings{expected});
}

TEST_CASE_METHOD(ContractTest, "A batch beyond the parameters of one statement", "[plan]") {
  const std::string integer = Sql(ColumnType::kInt64);
  constexpr int kColumns = 60;
  constexpr int64_t kRows = 3'000;  // 183 000 cells
  std::string definition = absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY");
  for (int i = 0; i < kColumns; ++i) absl::StrAppend(&definition, ", c", i, " ", integer);
  const std::string table = NewTable(definition);
  const auto strategy = GENERATE(Conflict::kInsert, Conflict::kUpdate);
  const auto schema = Describe(table, strategy);
  std::vector<Cells> rows;
  for (int64_t id = 0; id < kRows; ++id) {
    rows.push_back({{"id", I(id)}});
    for (int i = 0; i < kColumns; ++i) rows.back().emplace_back(absl::StrCat("c", i), I(id * i));
  }
  MustWrite(schema, rows);
  CHECK(Count(table) == kRows);
  CHECK(Count(table, "c0 = 0 AND c1 = id AND c59 = id * 59") == kRows);
}

TEST_CASE_METHOD(ContractTest, "A batch of forty megabytes", "[plan]") {
  const std::string table = NewTable(absl::StrCat(
      "id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, t ", Sql(ColumnType::kText)));
  const auto strategy = GENERATE(Conflict::kInsert, Conflict::kReplace);
  const auto schema = Describe(table, strategy);
  const std::string text(100'000, 'x');
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 400; ++id) rows.push_back({{"id", I(id)}, {"t", Value::Text(text)}});
  MustWrite(schema, rows);
  CHECK(Count(table, "length(t) = 100000") == 400);
}

TEST_CASE_METHOD(ContractTest, "A transaction that fails leaves nothing", "[plan]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const RowBlock block = Block(*schema, {{{"id", I(1)}, {"a", I(1)}},
                                         {{"id", I(2)}, {"a", I(1)}},
                                         {{"id", I(3)}, {"a", I(1)}, {"b", I(1)}}});
  db().Execute(absl::StrCat("ALTER TABLE ", table, " DROP COLUMN b"));
  const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&block});
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
  CHECK_FALSE(outcome.error.code.empty());
  CHECK(Count(table) == 0);
  MustWrite(Describe(table), {{{"id", I(1)}, {"a", I(1)}}});
}

TEST_CASE_METHOD(ContractTest, "A table that is gone pauses and harms nothing else", "[plan]") {
  const std::string gone = NewTableAB();
  const std::string other = NewTableAB();
  const auto schema = Describe(gone);
  const RowBlock block = Block(*schema, {{{"id", I(1)}}});
  db().Execute(absl::StrCat("DROP TABLE ", gone));
  const WriteOutcome outcome = Write(schema, std::vector<const RowBlock*>{&block});
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
  MustWrite(Describe(other), {{{"id", I(1)}}});
}

}  // namespace
}  // namespace batchsql::contract
