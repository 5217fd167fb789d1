#include "executors/postgresql/statements.h"

#include <catch2/catch.hpp>

namespace batchsql::postgresql {
namespace {

TableSchema Schema(WriteRule rule) {
  std::vector<Column> columns;
  for (const char* name : {"id", "a", "b \"q\"", "twice"}) {
    columns.emplace_back().name = name;
    columns.back().type = ColumnType::kInt64;
  }
  columns[0].nullable = false;
  columns[3].generated = true;
  absl::StatusOr<TableSchema> schema =
      TableSchema::Create({"s", "t"}, std::move(columns), {0}, {{0}}, std::move(rule));
  REQUIRE(schema.ok());
  return *std::move(schema);
}

TableSchema Schema(Conflict conflict) {
  WriteRule rule;
  rule.conflict = conflict;
  return Schema(rule);
}

const std::vector<uint16_t> kIdA = {0, 1};
const std::vector<uint16_t> kId = {0};

TEST_CASE("Identifiers are quoted, their quotes doubled") {
  CHECK(Quote("a") == "\"a\"");
  CHECK(Quote("a\"; DROP TABLE t; --") == "\"a\"\"; DROP TABLE t; --\"");
  CHECK(Quote(TableName{"s", "t"}) == "\"s\".\"t\"");
  CHECK(Quote(TableName{"", "t"}) == "\"t\"");
}

TEST_CASE("Identifiers that PostgreSQL would cut or misread are refused") {
  CHECK(CheckIdentifier(std::string(63, 'x')).ok());
  CHECK(CheckIdentifier(std::string(64, 'x')).code() == absl::StatusCode::kFailedPrecondition);
  CHECK_FALSE(CheckIdentifier("").ok());
  CHECK_FALSE(CheckIdentifier(std::string_view("a\0b", 3)).ok());
  CHECK_FALSE(CheckTableName({std::string(64, 'x'), "t"}).ok());
}

TEST_CASE("insert copies straight into the table") {
  CHECK(CopyIntoTable(Schema(Conflict::kInsert), kIdA) ==
        "COPY \"s\".\"t\" (\"id\", \"a\") FROM STDIN (FORMAT binary)");
}

TEST_CASE("A transaction sets only what ends with it, and pins the columns") {
  CHECK(BeginTransaction(7) ==
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; "
        "SET LOCAL statement_timeout = 7; SET LOCAL idle_in_transaction_session_timeout = 60000");
  CHECK(PinTypes(Schema(Conflict::kInsert), kIdA) ==
        "SELECT \"id\", \"a\" FROM ONLY \"s\".\"t\" LIMIT 0");
}

TEST_CASE("ignore does nothing on a conflict") {
  CHECK(InsertFromStage(Schema(Conflict::kIgnore), kIdA, "st") ==
        "INSERT INTO \"s\".\"t\" (\"id\", \"a\") SELECT \"id\", \"a\" FROM pg_temp.\"st\" ORDER BY "
        "\"batchsql_ordinal\" ON CONFLICT (\"id\") DO NOTHING");
}

TEST_CASE("update sets what was sent, and nothing when only the key was") {
  CHECK(InsertFromStage(Schema(Conflict::kUpdate), kIdA, "st")
            .ends_with(" ON CONFLICT (\"id\") DO UPDATE SET \"a\" = EXCLUDED.\"a\""));
  CHECK(InsertFromStage(Schema(Conflict::kUpdate), kId, "st")
            .ends_with(" ON CONFLICT (\"id\") DO NOTHING"));
}

TEST_CASE("update sets only the configured columns") {
  WriteRule rule;
  rule.conflict = Conflict::kUpdate;
  rule.update = {"b \"q\""};
  CHECK(InsertFromStage(Schema(rule), kIdA, "st").ends_with(" DO NOTHING"));
}

TEST_CASE("replace sets every column but the key and generated ones") {
  CHECK(
      InsertFromStage(Schema(Conflict::kReplace), kId, "st")
          .ends_with(
              " DO UPDATE SET \"a\" = EXCLUDED.\"a\", \"b \"\"q\"\"\" = EXCLUDED.\"b \"\"q\"\"\""));
}

TEST_CASE("A staging table ends with its transaction") {
  const TableSchema schema = Schema(Conflict::kUpdate);
  CHECK(
      CreateStage(schema, kId, "st") ==
      "CREATE TEMP TABLE \"st\" ON COMMIT DROP AS SELECT 0::bigint AS \"batchsql_ordinal\", \"id\" "
      "FROM ONLY \"s\".\"t\" LIMIT 0");
  CHECK(CopyIntoStage(schema, kId, "st") ==
        "COPY pg_temp.\"st\" (\"batchsql_ordinal\", \"id\") FROM STDIN (FORMAT binary)");
}

TEST_CASE("Arrays are taken apart in their order, and nothing is cast") {
  CHECK(InsertFromArrays(Schema(Conflict::kIgnore), kIdA) ==
        "INSERT INTO \"s\".\"t\" (\"id\", \"a\") SELECT v1, v2 FROM ROWS FROM "
        "(pg_catalog.unnest($1), pg_catalog.unnest($2)) WITH ORDINALITY AS sent (v1, v2, ordinal) "
        "ORDER BY ordinal ON CONFLICT (\"id\") DO NOTHING");
  CHECK(InsertFromArrays(Schema(Conflict::kUpdate), kIdA)
            .ends_with(" ON CONFLICT (\"id\") DO UPDATE SET \"a\" = EXCLUDED.\"a\""));
  CHECK(InsertFromArrays(Schema(Conflict::kInsert), kId).ends_with(" ORDER BY ordinal"));
}

TEST_CASE("The order's column avoids the table's own names") {
  std::vector<Column> columns(1);
  columns[0].name = "batchsql_ordinal";
  WriteRule rule;
  rule.conflict = Conflict::kIgnore;
  const auto schema = TableSchema::Create({"", "t"}, columns, {0}, {{0}}, rule);
  REQUIRE(schema.ok());
  CHECK(CreateStage(*schema, kId, "st").find("AS \"batchsql_ordinal_\"") != std::string::npos);
}

TEST_CASE("Tables and columns are created with PostgreSQL's types") {
  const std::vector<NewColumn> columns = {
      {"id", ColumnType::kInt64, true}, {"u", ColumnType::kUint64}, {"doc", ColumnType::kJson}};
  CHECK(CreateTableStatement({"", "t"}, columns) ==
        "CREATE TABLE IF NOT EXISTS \"t\" (\"id\" BIGINT NOT NULL, \"u\" NUMERIC(20,0), "
        "\"doc\" JSONB, PRIMARY KEY (\"id\"))");
  CHECK(AddColumnsStatement({"", "t"}, {columns.data() + 1, 2}) ==
        "ALTER TABLE \"t\" ADD COLUMN IF NOT EXISTS \"u\" NUMERIC(20,0), "
        "ADD COLUMN IF NOT EXISTS \"doc\" JSONB");
  const std::vector<NewColumn> others = {{"f", ColumnType::kFloat32},
                                         {"at", ColumnType::kTimestamp},
                                         {"uuid", ColumnType::kUuid},
                                         {"color", ColumnType::kEnum}};
  CHECK(CreateTableStatement({"", "t"}, others) ==
        "CREATE TABLE IF NOT EXISTS \"t\" (\"f\" REAL, \"at\" TIMESTAMP, \"uuid\" UUID, "
        "\"color\" TEXT)");
}

}  // namespace
}  // namespace batchsql::postgresql
