#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }

TEST_CASE_METHOD(ContractTest, "insert: rows with different columns take defaults and NULLs",
                 "[conflict]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table = NewTable(absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY, a ",
                                                  integer, " DEFAULT 7, b ", integer));
  const auto schema = Describe(table, Conflict::kInsert);
  MustWrite(schema, {
                        {{"id", I(1)}, {"a", I(10)}, {"b", I(11)}},
                        {{"id", I(2)}},
                        {{"id", I(3)}, {"a", Value::Null()}},
                        {{"id", I(4)}, {"b", I(44)}},
                        {{"id", I(5)}, {"a", I(50)}, {"b", Value::Null()}},
                        {{"id", I(6)}},
                    });
  CHECK(Rows(table, "id, a, b") ==
        Strings{"1|10|11", "2|7|NULL", "3|NULL|NULL", "4|7|44", "5|50|NULL", "6|7|NULL"});
}

TEST_CASE_METHOD(ContractTest, "insert: a row without any cell is the table's defaults",
                 "[conflict]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table = NewTable(absl::StrCat("id ", integer, " DEFAULT 5, a ", integer));
  const auto schema = Describe(table, Conflict::kInsert);
  MustWrite(schema, {{}, {{"id", I(6)}}, {}});
  CHECK(Rows(table, "id, a") == Strings{"5|NULL", "5|NULL", "6|NULL"});
}

TEST_CASE_METHOD(ContractTest, "ignore: the row that is there stays, the first of two is kept",
                 "[conflict]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table, Conflict::kIgnore);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}}});
  MustWrite(schema, {
                        {{"id", I(1)}, {"a", I(2)}, {"b", I(2)}},
                        {{"id", I(2)}, {"a", I(3)}},
                        {{"id", I(2)}, {"a", I(4)}, {"b", I(4)}},
                    });
  CHECK(Rows(table, "id, a, b") == Strings{"1|1|NULL", "2|3|NULL"});
}

TEST_CASE_METHOD(ContractTest, "update: sets what was sent and leaves the rest", "[conflict]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table, Conflict::kUpdate);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}, {"b", I(1)}}, {{"id", I(2)}, {"a", I(2)}}});
  MustWrite(schema, {
                        {{"id", I(1)}, {"b", I(10)}},
                        {{"id", I(2)}, {"a", Value::Null()}},
                        {{"id", I(3)}, {"a", I(3)}},
                        {{"id", I(3)}, {"b", I(30)}},
                        {{"id", I(1)}},
                    });
  CHECK(Rows(table, "id, a, b") == Strings{"1|1|10", "2|NULL|NULL", "3|3|30"});
}

TEST_CASE_METHOD(ContractTest, "update: only the configured columns are set on conflict",
                 "[conflict]") {
  const std::string table = NewTableAB();
  WriteRule rule;
  rule.conflict = Conflict::kUpdate;
  rule.update = {"b"};
  const auto schema = Describe(table, rule);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}, {"b", I(1)}}});
  MustWrite(schema,
            {{{"id", I(1)}, {"a", I(9)}, {"b", I(9)}}, {{"id", I(2)}, {"a", I(2)}, {"b", I(2)}}});
  MustWrite(schema, {{{"id", I(2)}, {"a", I(99)}}});  // nothing that may be set was sent
  CHECK(Rows(table, "id, a, b") == Strings{"1|1|9", "2|2|2"});
}

TEST_CASE_METHOD(ContractTest, "replace: absent columns go back to their defaults", "[conflict]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table =
      NewTable(absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY, a ", integer,
                            " NOT NULL DEFAULT 7, b ", integer, ", c ", integer));
  const auto schema = Describe(table, Conflict::kReplace);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}, {"b", I(1)}, {"c", I(1)}},
                     {{"id", I(2)}, {"a", I(2)}, {"b", I(2)}, {"c", I(2)}}});
  MustWrite(schema, {
                        {{"id", I(1)}, {"b", I(10)}},
                        {{"id", I(2)}},
                        {{"id", I(3)}, {"a", I(3)}, {"b", I(3)}},
                        {{"id", I(3)}, {"c", I(4)}},
                    });
  CHECK(Rows(table, "id, a, b, c") == Strings{"1|7|10|NULL", "2|7|NULL|NULL", "3|7|NULL|4"});
}

TEST_CASE_METHOD(ContractTest, "replace: child rows survive", "[conflict]") {
  const std::string parent = NewTableAB();
  const std::string child =
      NewTableAB(absl::StrCat("FOREIGN KEY (a) REFERENCES ", parent, " (id) ON DELETE CASCADE"));
  const auto schema = Describe(parent, Conflict::kReplace);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}}});
  MustWrite(Describe(child), {{{"id", I(100)}, {"a", I(1)}}});
  MustWrite(schema, {{{"id", I(1)}, {"a", I(2)}}});
  CHECK(Count(child) == 1);
  CHECK(Rows(parent, "id, a") == Strings{"1|2"});
}

TEST_CASE_METHOD(ContractTest, "A key of several columns, none of them first", "[conflict]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table = NewTable(absl::StrCat("v ", integer, ", id ", integer, " NOT NULL, k ",
                                                  integer, " NOT NULL, PRIMARY KEY (k, id)"));
  const auto schema = Describe(table, Conflict::kUpdate);
  MustWrite(schema,
            {{{"id", I(1)}, {"k", I(1)}, {"v", I(1)}}, {{"id", I(2)}, {"k", I(1)}, {"v", I(2)}}});
  MustWrite(schema,
            {{{"v", I(22)}, {"k", I(1)}, {"id", I(2)}}, {{"v", I(33)}, {"k", I(2)}, {"id", I(2)}}});
  CHECK(Rows(table, "id, k, v") == Strings{"1|1|1", "2|1|22", "2|2|33"});
}

TEST_CASE_METHOD(ContractTest, "A named unique key decides instead of the primary key",
                 "[conflict]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table = NewTable(absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY, u ",
                                                  integer, " NOT NULL UNIQUE, v ", integer));
  WriteRule rule;
  rule.conflict = Conflict::kUpdate;
  rule.key = {"u"};
  rule.update = {"v"};
  rule.any_unique_key = true;
  const auto schema = Describe(table, rule);
  MustWrite(schema, {{{"id", I(1)}, {"u", I(10)}, {"v", I(1)}}});
  MustWrite(schema,
            {{{"id", I(2)}, {"u", I(10)}, {"v", I(2)}}, {{"id", I(3)}, {"u", I(30)}, {"v", I(3)}}});
  CHECK(Rows(table, "id, u, v") == Strings{"1|10|2", "3|30|3"});
}

TEST_CASE_METHOD(ContractTest, "Ten thousand rows of which half are there already", "[conflict]") {
  const std::string table = NewTableAB();
  const auto strategy = GENERATE(Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  INFO(std::string(ConflictName(strategy)));
  const auto schema = Describe(table, strategy);
  std::vector<Cells> old_rows;
  std::vector<Cells> new_rows;
  for (int64_t id = 0; id < 10'000; ++id) {
    if (id % 2 == 0) old_rows.push_back({{"id", I(id)}, {"a", I(1)}, {"b", I(1)}});
    new_rows.push_back({{"id", I(id)}, {"a", I(2)}});
  }
  MustWrite(schema, old_rows);
  MustWrite(schema, new_rows);
  CHECK(Count(table) == 10'000);
  CHECK(Count(table, "a = 2") == (strategy == Conflict::kIgnore ? 5'000 : 10'000));
  CHECK(Count(table, "b = 1") == (strategy == Conflict::kReplace ? 0 : 5'000));
}

}  // namespace
}  // namespace batchsql::contract
