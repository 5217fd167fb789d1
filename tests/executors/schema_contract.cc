#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Strings = std::vector<std::string>;

// The rows were checked against what the table was.
void CheckNotWritten(const WriteOutcome& outcome) {
  INFO(outcome.error.code << " " << outcome.error.message);
  CHECK(outcome.kind == WriteOutcome::Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
  CHECK(outcome.error.code == "schema_changed");
}

TEST_CASE_METHOD(ContractTest,
                 "A column that changes its type is not written with rows from before",
                 "[schema]") {
  const std::string id = absl::StrCat("id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, a ");
  const std::string table = NewTable(absl::StrCat(id, Sql(ColumnType::kTimestamp)));
  const bool is_warm = GENERATE(false, true);
  const auto before = Describe(table);
  const std::vector<Cells> rows = {{{"id", Value::Int(1)}, {"a", Value::Timestamp(1'000'001)}}};
  if (is_warm) MustWrite(before, {{{"id", Value::Int(7)}}});
  db().Execute(absl::StrCat("DROP TABLE ", table));
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (", id, Sql(ColumnType::kText), ")"));
  CheckNotWritten(Write(before, rows));
  CheckNotWritten(Write(before, rows));
  CHECK(Count(table) == 0);
  MustWrite(Describe(table), {{{"id", Value::Int(1)}, {"a", Value::Text("now text")}}});
  MustWrite(before, {{{"id", Value::Int(2)}}});  // without the column that has changed
  CHECK(Rows(table, "a") == Strings{"now text", "NULL"});
}

TEST_CASE_METHOD(ContractTest, "Bad rows of an altered table are not told as the rows' fault",
                 "[schema]") {
  const std::string table = NewTableAB("CHECK (b < 100)");
  const auto before = Describe(table);
  db().Execute(absl::StrCat("DROP TABLE ", table));
  const std::string integer = Sql(ColumnType::kInt64);
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id ", integer, " NOT NULL PRIMARY KEY, a ",
                            Sql(ColumnType::kFloat64), ", b ", integer, ", CHECK (b < 100))"));
  CheckNotWritten(
      Write(before, {{{"id", Value::Int(1)}, {"a", Value::Int(1)}, {"b", Value::Int(1)}},
                     {{"id", Value::Int(2)}, {"a", Value::Int(1)}, {"b", Value::Int(500)}}}));
  CHECK(Count(table) == 0);
}

TEST_CASE_METHOD(ContractTest, "A column or an index that is added stops nothing", "[schema]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table, GENERATE(Conflict::kInsert, Conflict::kUpdate));
  MustWrite(schema, {{{"id", Value::Int(1)}, {"a", Value::Int(1)}}});
  const NewColumn added = {"more", ColumnType::kText};
  REQUIRE(executor().AddColumns({"", table}, {&added, 1}).ok());
  MustWrite(schema, {{{"id", Value::Int(2)}, {"a", Value::Int(1)}}});
  db().Execute(absl::StrCat("CREATE INDEX ", table, "_a ON ", table, " (a)"));
  MustWrite(schema, {{{"id", Value::Int(3)}, {"a", Value::Int(1)}}});
  CHECK(Count(table) == 3);
}

TEST_CASE_METHOD(ContractTest, "CreateTable: what is inferred takes what it was inferred from",
                 "[schema]") {
  const std::string table = UniqueName();
  const Strings names = {"k", "flag", "n",     "u",  "f",   "d", "t",
                         "y", "day",  "clock", "at", "doc", "id"};
  const std::vector<NewColumn> columns = {
      {"k", ColumnType::kText, true},   {"flag", ColumnType::kBool},
      {"n", ColumnType::kInt64},        {"u", ColumnType::kUint64},
      {"f", ColumnType::kFloat64},      {"d", ColumnType::kDecimal},
      {"t", ColumnType::kText},         {"y", ColumnType::kBytes},
      {"day", ColumnType::kDate},       {"clock", ColumnType::kTime},
      {"at", ColumnType::kTimestampTz}, {"doc", ColumnType::kJson},
      {"id", ColumnType::kInt64, true}};
  const absl::Status created = executor().CreateTable({"", table}, columns);
  INFO(created.ToString());
  REQUIRE(created.ok());

  const auto schema = Describe(table, Conflict::kUpdate);
  REQUIRE(schema->columns().size() == names.size());
  for (size_t i = 0; i < names.size(); ++i) CHECK(schema->column(i).name == names[i]);
  CHECK(schema->primary_key() == std::vector<uint16_t>{0, 12});
  CHECK_FALSE(schema->column(0).nullable);
  CHECK(schema->column(1).nullable);

  const std::string text(70'000, 'x');
  MustWrite(schema, {{{"k", Value::Text("key")},
                      {"id", Value::Int(1)},
                      {"flag", Value::Bool(true)},
                      {"n", Value::Int(-5)},
                      {"u", Value::Uint(18446744073709551615ULL)},
                      {"f", Value::Double(0.1)},
                      {"d", Value::Number("12345678901234567890.123456789")},
                      {"t", Value::Text(text)},
                      {"y", Value::Bytes("\xff")},
                      {"day", Value::Date(1)},
                      {"clock", Value::Time(1)},
                      {"at", Value::Timestamp(1'000'001)},
                      {"doc", Value::Text("[1]")}},
                     {{"k", Value::Text("Key")}, {"id", Value::Int(2)}, {"t", Value::Text("")}}});
  const auto canonical = [&](ColumnType type, const char* name) {
    return Rows(table, db().Canonical(type, name));
  };
  CHECK(canonical(ColumnType::kBool, "flag") == Strings{"1", "NULL"});
  CHECK(canonical(ColumnType::kInt64, "n") == Strings{"-5", "NULL"});
  CHECK(canonical(ColumnType::kUint64, "u") == Strings{"18446744073709551615", "NULL"});
  CHECK(std::stod(canonical(ColumnType::kFloat64, "f")[0]) == 0.1);
  CHECK(canonical(ColumnType::kDecimal, "d")[0].substr(0, 30) == "12345678901234567890.123456789");
  CHECK((canonical(ColumnType::kText, "t") == Strings{text, ""}));
  CHECK(canonical(ColumnType::kText, "k") == Strings{"key", "Key"});
  CHECK(canonical(ColumnType::kBytes, "y") == Strings{"ff", "NULL"});
  CHECK(canonical(ColumnType::kDate, "day") == Strings{"1970-01-02", "NULL"});
  CHECK(canonical(ColumnType::kTime, "clock") == Strings{"00:00:00.000001", "NULL"});
  CHECK(canonical(ColumnType::kTimestampTz, "at") == Strings{"1970-01-01 00:00:01.000001", "NULL"});
  CHECK(canonical(ColumnType::kJson, "doc") == Strings{"[1]", "NULL"});
}

TEST_CASE_METHOD(ContractTest, "CreateTable: a table that exists is left as it is", "[schema]") {
  const std::string table = NewTableAB();
  MustWrite(Describe(table), {{{"id", Value::Int(1)}}});
  const std::vector<NewColumn> columns = {{"other", ColumnType::kText}};
  CHECK(executor().CreateTable({"", table}, columns).ok());
  CHECK(Describe(table)->columns().size() == 3);
  CHECK(Count(table) == 1);
}

TEST_CASE_METHOD(ContractTest, "CreateTable: without a key, and with names that need quotes",
                 "[schema]") {
  const std::string table = UniqueName(" or\"der `s` '");
  const std::vector<NewColumn> columns = {{"id", ColumnType::kInt64},
                                          {"quo\"te `x` 'y'", ColumnType::kText}};
  REQUIRE(executor().CreateTable({"", table}, columns).ok());
  const auto schema = Describe(table);
  CHECK(schema->unique_keys().empty());
  MustWrite(schema, {{{"id", Value::Int(1)}, {columns[1].name, Value::Text("x")}}});
  CHECK(Rows(table, db().Quote(columns[1].name)) == Strings{"x"});
}

TEST_CASE_METHOD(ContractTest, "CreateTable: two at once both succeed", "[schema]") {
  for (int round = 0; round < 10; ++round) {
    const std::string table = UniqueName();
    const std::vector<NewColumn> columns = {{"id", ColumnType::kInt64, true},
                                            {"t", ColumnType::kText}};
    std::vector<absl::Status> results(2);
    std::vector<std::thread> threads;
    threads.reserve(results.size());
    for (absl::Status& result : results) {
      threads.emplace_back([&, other = db().MakeExecutor()] {
        result = other->CreateTable({"", table}, columns);
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(results[0].ToString() == "OK");
    CHECK(results[1].ToString() == "OK");
    MustWrite(Describe(table), {{{"id", Value::Int(1)}}});
  }
}

TEST_CASE_METHOD(ContractTest, "AddColumns: adds what is missing, nullable, and keeps the rows",
                 "[schema]") {
  const std::string table = NewTableAB();
  MustWrite(Describe(table), {{{"id", Value::Int(1)}, {"a", Value::Int(1)}}});
  const std::vector<NewColumn> columns = {{"b", ColumnType::kText},  // there already, as it is
                                          {"c \"'`", ColumnType::kText},
                                          {"d", ColumnType::kDecimal}};
  for (int i = 0; i < 2; ++i) {
    const absl::Status added = executor().AddColumns({"", table}, columns);
    INFO(added.ToString());
    CHECK(added.ok());
  }
  const auto schema = Describe(table);
  REQUIRE(schema->columns().size() == 5);
  CHECK(schema->column(2).type == ColumnType::kInt64);
  CHECK(schema->column(3).name == "c \"'`");
  CHECK(schema->column(3).nullable);
  MustWrite(schema, {{{"id", Value::Int(2)}, {"c \"'`", Value::Text("x")}, {"d", Value::Int(5)}}});
  CHECK(Rows(table, absl::StrCat("id, ", db().Quote("c \"'`"))) == Strings{"1|NULL", "2|x"});
}

TEST_CASE_METHOD(ContractTest, "AddColumns: an unknown table is NOT_FOUND", "[schema]") {
  const std::string table = UniqueName();
  const std::vector<NewColumn> columns = {{"a", ColumnType::kText}};
  CHECK(executor().AddColumns({"", table}, columns).code() == absl::StatusCode::kNotFound);
}

TEST_CASE_METHOD(ContractTest, "AddColumns: two at once both succeed", "[schema]") {
  for (int round = 0; round < 10; ++round) {
    const std::string table = NewTableAB();
    const std::vector<NewColumn> columns = {{"c", ColumnType::kInt64}, {"d", ColumnType::kText}};
    std::vector<absl::Status> results(2);
    std::vector<std::thread> threads;
    threads.reserve(results.size());
    for (absl::Status& result : results) {
      threads.emplace_back([&, other = db().MakeExecutor()] {
        result = other->AddColumns({"", table}, columns);
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(results[0].ToString() == "OK");
    CHECK(results[1].ToString() == "OK");
    CHECK(Describe(table)->columns().size() == 5);
  }
}

}  // namespace
}  // namespace batchsql::contract
