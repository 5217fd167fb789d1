#include "executors/sqlite/insert_sql.h"

#include <catch2/catch.hpp>

namespace batchsql::sqlite {
namespace {

Column Integer(std::string name) {
  Column column;
  column.name = std::move(name);
  column.type = ColumnType::kInt64;
  return column;
}

TableSchema Schema(WriteRule rule) {
  std::vector<Column> columns = {Integer("id"), Integer("a"), Integer("b\""), Integer("g")};
  columns[0].nullable = false;
  columns[3].generated = true;
  return *TableSchema::Create({"", "t"}, std::move(columns), {0}, {{0}}, std::move(rule));
}

std::string Sql(Conflict conflict, const std::vector<uint16_t>& columns, uint32_t rows = 1) {
  WriteRule rule;
  rule.conflict = conflict;
  return InsertSql(Schema(rule), columns, rows);
}

TEST_CASE("insert: one parameter a cell, row after row") {
  CHECK(Sql(Conflict::kInsert, {0, 2}, 3) ==
        R"(INSERT OR ABORT INTO main."t" ("id", "b""") VALUES (?,?),(?,?),(?,?))");
}

TEST_CASE("ignore: does nothing on the key") {
  CHECK(Sql(Conflict::kIgnore, {0}) ==
        R"(INSERT OR ABORT INTO main."t" ("id") VALUES (?) ON CONFLICT ("id") DO NOTHING)");
}

TEST_CASE("update: sets the columns that were sent") {
  CHECK(Sql(Conflict::kUpdate, {0, 1}) ==
        R"(INSERT OR ABORT INTO main."t" ("id", "a") VALUES (?,?) )"
        R"(ON CONFLICT ("id") DO UPDATE SET "a" = excluded."a")");
  CHECK(Sql(Conflict::kUpdate, {0}) ==
        R"(INSERT OR ABORT INTO main."t" ("id") VALUES (?) ON CONFLICT ("id") DO NOTHING)");
}

TEST_CASE("replace: sets every column that may be written") {
  CHECK(Sql(Conflict::kReplace, {0, 1}) ==
        R"(INSERT OR ABORT INTO main."t" ("id", "a") VALUES (?,?) )"
        R"(ON CONFLICT ("id") DO UPDATE SET "a" = excluded."a", "b""" = excluded."b""")");
}

TEST_CASE("A row without cells names a column whose default is NULL") {
  CHECK(Sql(Conflict::kIgnore, {}) ==
        R"(INSERT OR ABORT INTO main."t" ("a") VALUES (NULL) ON CONFLICT ("id") DO NOTHING)");
}

TEST_CASE("A row without cells in a table of defaults") {
  Column column = Integer("id");
  column.has_default = true;
  const TableSchema schema = *TableSchema::Create({"", "t"}, {column}, {}, {}, WriteRule());
  CHECK(InsertSql(schema, {}, 1) == R"(INSERT OR ABORT INTO main."t" DEFAULT VALUES)");
}

}  // namespace
}  // namespace batchsql::sqlite
