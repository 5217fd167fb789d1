#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

const Column& ColumnNamed(const TableSchema& schema, std::string_view name) {
  const int index = schema.FindColumn(name);
  INFO("column " << std::string(name));
  REQUIRE(index >= 0);
  return schema.column(static_cast<size_t>(index));
}

TEST_CASE_METHOD(ContractTest, "Describe: an unknown table is NOT_FOUND", "[describe]") {
  const std::string name = UniqueName();
  const auto schema = executor().Describe({"", name}, WriteRule());
  REQUIRE(schema.status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE_METHOD(ContractTest, "Describe: columns come in the table's order with their facts",
                 "[describe]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table = NewTable(absl::StrCat(
      "id ", integer, " NOT NULL PRIMARY KEY, needed ", integer, " NOT NULL, ", "with_default ",
      integer, " NOT NULL DEFAULT 7, optional ", Sql(ColumnType::kText), ", twice ", integer,
      " GENERATED ALWAYS AS (needed * 2) STORED"));
  const auto schema = Describe(table);

  CHECK(schema->name() == TableName{"", table});
  REQUIRE(schema->columns().size() == 5);
  CHECK(schema->column(0).name == "id");
  CHECK(schema->column(4).name == "twice");
  CHECK_FALSE(ColumnNamed(*schema, "id").nullable);
  CHECK(ColumnNamed(*schema, "id").type == ColumnType::kInt64);
  CHECK(ColumnNamed(*schema, "id").key_is_bytes);
  CHECK_FALSE(ColumnNamed(*schema, "needed").nullable);
  CHECK_FALSE(ColumnNamed(*schema, "needed").has_default);
  CHECK_FALSE(ColumnNamed(*schema, "with_default").nullable);
  CHECK(ColumnNamed(*schema, "with_default").has_default);
  CHECK(ColumnNamed(*schema, "optional").nullable);
  CHECK(ColumnNamed(*schema, "optional").type == ColumnType::kText);
  CHECK(ColumnNamed(*schema, "twice").generated);
  CHECK_FALSE(ColumnNamed(*schema, "needed").generated);
}

TEST_CASE_METHOD(ContractTest, "Describe: keys of several columns keep their columns",
                 "[describe]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string table = NewTable(
      absl::StrCat("v ", integer, ", k2 ", integer, " NOT NULL, k1 ", integer, " NOT NULL, u ",
                   integer, " NOT NULL, PRIMARY KEY (k1, k2), UNIQUE (u, v)"));
  const auto schema = Describe(table);
  CHECK(schema->primary_key() == std::vector<uint16_t>{2, 1});
  REQUIRE(schema->unique_keys().size() == 2);
  CHECK(std::count(schema->unique_keys().begin(), schema->unique_keys().end(),
                   std::vector<uint16_t>{2, 1}) == 1);
  CHECK(std::count(schema->unique_keys().begin(), schema->unique_keys().end(),
                   std::vector<uint16_t>{3, 0}) == 1);
}

TEST_CASE_METHOD(ContractTest, "Describe: a table without keys has none", "[describe]") {
  const std::string table = NewTable(absl::StrCat("id ", Sql(ColumnType::kInt64)));
  const auto schema = Describe(table);
  CHECK(schema->primary_key().empty());
  CHECK(schema->unique_keys().empty());
}

TEST_CASE_METHOD(ContractTest, "Describe: a rule that does not fit the table is refused",
                 "[describe]") {
  const std::string integer = Sql(ColumnType::kInt64);
  const std::string no_key = NewTable(absl::StrCat("id ", integer));
  const std::string two_keys =
      NewTable(absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY, u ", integer, " UNIQUE"));
  WriteRule ignore;
  ignore.conflict = Conflict::kIgnore;
  CHECK(executor().Describe({"", no_key}, ignore).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(executor().Describe({"", two_keys}, ignore).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  ignore.any_unique_key = true;
  CHECK(executor().Describe({"", two_keys}, ignore).ok());
  CHECK(executor().Describe({"", two_keys}, WriteRule()).ok());
}

TEST_CASE_METHOD(ContractTest, "Describe: a view is refused", "[describe]") {
  const std::string table = NewTableAB();
  const std::string view = UniqueName("_view");
  db().Execute(absl::StrCat("CREATE VIEW ", view, " AS SELECT id, a FROM ", table));
  const auto schema = executor().Describe({"", view}, WriteRule());
  db().Execute(absl::StrCat("DROP VIEW ", view));
  CHECK(schema.status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE_METHOD(ContractTest, "Describe: each type is told as what it is", "[describe]") {
  for (int i = 0; i < static_cast<int>(ColumnType::kArray); ++i) {
    const auto type = static_cast<ColumnType>(i);
    const std::string sql = Sql(type);
    if (sql.empty()) continue;
    INFO(std::string(ColumnTypeName(type)) << " as " << sql);
    const auto schema = Describe(
        NewTable(absl::StrCat("id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, v ", sql)));
    CHECK(ColumnNamed(*schema, "v").type == db().DescribedAs(type));
    CHECK_FALSE(ColumnNamed(*schema, "v").native_type.empty());
  }
}

TEST_CASE_METHOD(ContractTest, "Describe: reading a table twice gives equal schemas",
                 "[describe]") {
  const std::string table = NewTableAB();
  CHECK(*Describe(table) == *Describe(table));
  db().Execute(absl::StrCat("ALTER TABLE ", table, " ADD COLUMN c ", Sql(ColumnType::kText)));
  CHECK(Describe(table)->columns().size() == 4);
}

}  // namespace
}  // namespace batchsql::contract
