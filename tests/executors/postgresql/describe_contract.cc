#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

// What PostgreSQL's catalog tells, beyond what every database's does.

namespace batchsql::contract {
namespace {

class PostgresDescribeTest : public ContractTest {
 protected:
  // The column `v` of a new table, as described.
  Column Described(const std::string& definition) {
    const auto schema = Describe(NewTable("id BIGINT, v " + definition));
    REQUIRE(schema->columns().size() == 2);
    return schema->column(1);
  }

  absl::Status Refusal(const std::string& table) {
    return executor().Describe({"", table}, WriteRule()).status();
  }
};

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: each type with its limits", "[postgresql]") {
  struct Case {
    const char* sql;
    ColumnType type;
    const char* native;
    uint32_t oid;
  };
  const Case cases[] = {
      {"boolean", ColumnType::kBool, "boolean", 16},
      {"smallint", ColumnType::kInt64, "smallint", 21},
      {"integer", ColumnType::kInt64, "integer", 23},
      {"bigint", ColumnType::kInt64, "bigint", 20},
      {"real", ColumnType::kFloat32, "real", 700},
      {"double precision", ColumnType::kFloat64, "double precision", 701},
      {"numeric", ColumnType::kDecimal, "numeric", 1700},
      {"numeric(12,3)", ColumnType::kDecimal, "numeric(12,3)", 1700},
      {"text", ColumnType::kText, "text", 25},
      {"varchar(7)", ColumnType::kText, "character varying(7)", 1043},
      {"varchar", ColumnType::kText, "character varying", 1043},
      {"char(3)", ColumnType::kText, "character(3)", 1042},
      {"bytea", ColumnType::kBytes, "bytea", 17},
      {"date", ColumnType::kDate, "date", 1082},
      {"time(3)", ColumnType::kTime, "time(3) without time zone", 1083},
      {"timestamp(0)", ColumnType::kTimestamp, "timestamp(0) without time zone", 1114},
      {"timestamptz", ColumnType::kTimestampTz, "timestamp with time zone", 1184},
      {"uuid", ColumnType::kUuid, "uuid", 2950},
      {"json", ColumnType::kJson, "json", 114},
      {"jsonb", ColumnType::kJson, "jsonb", 3802},
      {"integer[]", ColumnType::kArray, "integer[]", 1007},
      {"varchar(5)[]", ColumnType::kArray, "character varying(5)[]", 1015},
  };
  for (const Case& expected : cases) {
    INFO(expected.sql);
    const Column column = Described(expected.sql);
    CHECK(column.type == expected.type);
    CHECK(column.native_type == expected.native);
    CHECK(column.native_id == expected.oid);
    CHECK(column.nullable);
    CHECK_FALSE(column.has_default);
  }
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: modifiers become limits", "[postgresql]") {
  CHECK(Described("varchar(7)").chars_max == 7);
  CHECK(Described("char(3)").chars_max == 3);
  CHECK(Described("text").chars_max == kNoLimit);
  CHECK(Described("numeric(12,3)").precision == 12);
  CHECK(Described("numeric(12,3)").scale == 3);
  CHECK(Described("time(3)").fraction_digits == 3);
  CHECK(Described("timestamp(0)").fraction_digits == 0);
  CHECK(Described("varchar(5)[]").chars_max == 5);
  CHECK(Described("smallint[]").max == 32767);
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: domains are what they stand for",
                 "[postgresql]") {
  db().Execute("DROP DOMAIN IF EXISTS contract_outer; DROP DOMAIN IF EXISTS contract_inner");
  db().Execute("CREATE DOMAIN contract_inner AS varchar(9) NOT NULL DEFAULT 'x'");
  db().Execute("CREATE DOMAIN contract_outer AS contract_inner CHECK (VALUE <> 'bad')");
  const std::string table = NewTable("id BIGINT, v contract_outer");
  const auto schema = Describe(table);
  const Column& column = schema->column(1);
  CHECK(column.type == ColumnType::kText);
  CHECK(column.chars_max == 9);
  CHECK(column.native_id == 1043);
  CHECK(column.native_type == "contract_outer");
  CHECK_FALSE(column.nullable);
  CHECK(column.has_default);
  MustWrite(schema, {{{"id", Value::Int(1)}, {"v", Value::Text("y")}}, {{"id", Value::Int(2)}}});
  CHECK(Rows(table, "v") == std::vector<std::string>{"y", "x"});
  const WriteOutcome outcome =
      Write(schema, std::vector<Cells>{{{"id", Value::Int(3)}, {"v", Value::Text("bad")}}});
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].error.reason == RejectReason::kConstraint);
  db().Execute("DROP TABLE " + table + "; DROP DOMAIN contract_outer; DROP DOMAIN contract_inner");
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: enums tell their labels in order",
                 "[postgresql]") {
  const std::string type = Sql(ColumnType::kEnum);
  const std::vector<std::string> labels = {"red", "green",
                                           "gr\xc3\xb6\xc3\x9f"
                                           "er"};
  CHECK(Described(type).labels == labels);
  const Column array = Described(type + "[]");
  CHECK(array.type == ColumnType::kArray);
  CHECK(array.element == ColumnType::kEnum);
  CHECK(array.labels == labels);
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: types that cannot be written are named",
                 "[postgresql]") {
  db().Execute("DROP DOMAIN IF EXISTS contract_even");
  db().Execute("CREATE DOMAIN contract_even AS integer CHECK (VALUE % 2 = 0)");
  for (const char* sql : {"timetz", "interval", "inet", "money", "xml", "point", "bit(3)",
                          "\"char\"", "name", "oid", "tsvector", "int4range", "interval[]",
                          "contract_even[]", "numeric(3,-2)", "numeric(2,5)"}) {
    INFO(sql);
    const std::string table = NewTable(absl::StrCat("id BIGINT, odd_one ", sql));
    const absl::Status status = Refusal(table);
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(status.ToString().find("odd_one") != std::string::npos);
    db().Execute("DROP TABLE " + table);
  }
  db().Execute("DROP DOMAIN contract_even");
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: a generated column may be of any type",
                 "[postgresql]") {
  const Column column = Described("interval GENERATED ALWAYS AS (make_interval(0)) STORED");
  CHECK(column.generated);
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: identity columns", "[postgresql]") {
  const Column always = Described("integer GENERATED ALWAYS AS IDENTITY");
  CHECK(always.generated);
  CHECK(always.has_default);
  const Column by_default = Described("integer GENERATED BY DEFAULT AS IDENTITY");
  CHECK_FALSE(by_default.generated);
  CHECK(by_default.has_default);
  CHECK_FALSE(by_default.nullable);
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: only keys that ON CONFLICT can name count",
                 "[postgresql]") {
  const std::string table = NewTable(
      "a INT NOT NULL, b INT, c INT, d INT, e INT, PRIMARY KEY (b, a), UNIQUE (c) DEFERRABLE, "
      "UNIQUE (e) INCLUDE (d)");
  db().Execute(absl::StrCat("CREATE UNIQUE INDEX ON ", table, " (c) WHERE c > 0"));
  db().Execute(absl::StrCat("CREATE UNIQUE INDEX ON ", table, " ((c + 1))"));
  db().Execute(absl::StrCat("CREATE UNIQUE INDEX ON ", table, " (a, b)"));  // the primary key again
  const auto schema = Describe(table);
  CHECK(schema->primary_key() == std::vector<uint16_t>{1, 0});
  CHECK(schema->unique_keys() == std::vector<std::vector<uint16_t>>{{1, 0}, {4}});
}

TEST_CASE_METHOD(PostgresDescribeTest,
                 "PostgreSQL: a unique index that takes different texts for equal forbids merging",
                 "[postgresql]") {
  db().Execute("DROP COLLATION IF EXISTS contract_ignores_case");
  db().Execute(
      "CREATE COLLATION contract_ignores_case (provider = icu, locale = 'und-u-ks-level2', "
      "deterministic = false)");
  const std::string table = NewTable("id BIGINT, v TEXT COLLATE \"C\" NOT NULL");
  db().Execute(
      absl::StrCat("CREATE UNIQUE INDEX ON ", table, " (v COLLATE contract_ignores_case)"));
  WriteRule rule;
  rule.conflict = Conflict::kUpdate;
  rule.key = {"v"};
  const auto schema = Describe(table, rule);
  CHECK_FALSE(schema->column(1).key_is_bytes);
  CHECK_FALSE(schema->CanCoalesce());
  MustWrite(schema, {{{"id", Value::Int(1)}, {"v", Value::Text("a")}}});
  MustWrite(schema, {{{"id", Value::Int(2)}, {"v", Value::Text("a")}},
                     {{"id", Value::Int(3)}, {"v", Value::Text("B")}},
                     {{"id", Value::Int(4)}, {"v", Value::Text("A")}}});
  CHECK(Rows(table, "id, v") == std::vector<std::string>{"3|B", "4|a"});
  db().Execute(absl::StrCat("CREATE UNIQUE INDEX ON ", table, " (v)"));
  CHECK_FALSE(Describe(table, rule)->CanCoalesce());
  db().Execute(absl::StrCat("DROP TABLE ", table, "; DROP COLLATION contract_ignores_case"));
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: columns that were dropped leave no trace",
                 "[postgresql]") {
  const std::string table = NewTable("gone INT, id BIGINT, v INT, PRIMARY KEY (v)");
  db().Execute(absl::StrCat("ALTER TABLE ", table, " DROP COLUMN gone"));
  const auto schema = Describe(table);
  CHECK(schema->columns().size() == 2);
  CHECK(schema->primary_key() == std::vector<uint16_t>{1});
  MustWrite(schema, {{{"id", Value::Int(1)}, {"v", Value::Int(2)}}});
  CHECK(Rows(table, "v") == std::vector<std::string>{"2"});
}

TEST_CASE_METHOD(PostgresDescribeTest, "PostgreSQL: tables that keep no promise are refused",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGINT");
  db().Execute(absl::StrCat("ALTER TABLE ", table, " SET UNLOGGED"));
  CHECK(Refusal(table).code() == absl::StatusCode::kFailedPrecondition);
  const std::string guarded = NewTable("id BIGINT");
  db().Execute(absl::StrCat("ALTER TABLE ", guarded, " ENABLE ROW LEVEL SECURITY, ",
                            "FORCE ROW LEVEL SECURITY"));
  CHECK(Refusal(guarded).code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE_METHOD(PostgresDescribeTest,
                 "PostgreSQL: a partitioned table is written, unless a part is unlogged",
                 "[postgresql]") {
  const std::string table = UniqueName();
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id BIGINT PRIMARY KEY, v INT) ",
                            "PARTITION BY RANGE (id)"));
  db().Execute(absl::StrCat("CREATE TABLE ", table, "_1 PARTITION OF ", table,
                            " FOR VALUES FROM (0) TO (100)"));
  db().Execute(absl::StrCat("CREATE TABLE ", table, "_2 PARTITION OF ", table,
                            " FOR VALUES FROM (100) TO (200)"));
  for (const Conflict conflict : {Conflict::kInsert, Conflict::kReplace}) {
    const int64_t v = static_cast<int64_t>(conflict);
    if (conflict == Conflict::kReplace) {
      MustWrite(Describe(table, conflict), {{{"id", Value::Int(1)}, {"v", Value::Int(v)}}});
      continue;
    }
    MustWrite(Describe(table, conflict), {{{"id", Value::Int(1)}, {"v", Value::Int(v)}},
                                          {{"id", Value::Int(150)}, {"v", Value::Int(v)}}});
  }
  CHECK(Rows(table, "id, v") == std::vector<std::string>{"1|3", "150|0"});
  db().Execute(absl::StrCat("ALTER TABLE ", table, "_2 SET UNLOGGED"));
  CHECK(Refusal(table).code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE_METHOD(PostgresDescribeTest,
                 "PostgreSQL: a schema-qualified name, and one in the search_path",
                 "[postgresql]") {
  db().Execute("DROP SCHEMA IF EXISTS \"Contract S\" CASCADE");
  db().Execute("CREATE SCHEMA \"Contract S\"");
  db().Execute("CREATE TABLE \"Contract S\".\"T 1\" (id BIGINT)");
  CHECK(executor().Describe({"Contract S", "T 1"}, WriteRule()).ok());
  CHECK(executor().Describe({"", "T 1"}, WriteRule()).status().code() ==
        absl::StatusCode::kNotFound);
  CHECK(executor().Describe({"no such", "T 1"}, WriteRule()).status().code() ==
        absl::StatusCode::kNotFound);
  CHECK(executor().Describe({"pg_catalog", "pg_class"}, WriteRule()).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  db().Execute("DROP SCHEMA \"Contract S\" CASCADE");
}

}  // namespace
}  // namespace batchsql::contract
