#include <catch2/catch.hpp>
#include <limits>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/native_types.h"
#include "executors/postgresql/postgresql_executor.h"
#include "tests/executors/contract_suite.h"
#include "tests/executors/postgresql/test_dsn.h"

// Values as COPY BINARY and binary arrays carry them, compared with what PostgreSQL makes of the
// same value in SQL.

namespace batchsql::contract {
namespace {

struct Sample {
  Value value;
  std::string sql;  // the same value as a literal
};

class PostgresValueTest : public ContractTest {
 protected:
  static std::unique_ptr<Executor> MakeExecutor(uint32_t unnest_cells_max) {
    PostgresOptions options;
    options.dsn = PostgresExecutorDsn();
    options.unnest_cells_max = unnest_cells_max;
    return MakePostgresExecutor(options);
  }

  // Writes the samples through COPY, through a staging table and, where the type has an array type
  // that we know, as arrays.
  void Check(const std::string& type, const std::vector<Sample>& samples) {
    const std::pair<Conflict, uint32_t> ways[] = {
        {Conflict::kInsert, 0}, {Conflict::kReplace, 0}, {Conflict::kReplace, 1'000'000}};
    for (const auto& [conflict, unnest_cells_max] : ways) {
      INFO(type << " by " << std::string(ConflictName(conflict)) << " " << unnest_cells_max);
      const std::string table = NewTable(absl::StrCat("id BIGINT PRIMARY KEY, v ", type));
      std::vector<Cells> rows;
      for (size_t i = 0; i < samples.size(); ++i) {
        rows.push_back({{"id", Value::Int(static_cast<int64_t>(i))}, {"v", samples[i].value}});
      }
      const auto schema = Describe(table, conflict);
      const RowBlock block = Block(*schema, rows);
      const WriteOutcome outcome =
          WriteThrough(*MakeExecutor(unnest_cells_max), PlanWrite(schema, {&block}));
      REQUIRE(outcome.kind == WriteOutcome::Kind::kCommitted);
      REQUIRE(outcome.failures.empty());
      for (size_t i = 0; i < samples.size(); ++i) {
        const std::string literal = absl::StrCat("(", samples[i].sql, ")::", type);
        INFO(literal.substr(0, 100));
        const auto read = db().Query(
            absl::StrCat("SELECT v::text, ", literal, "::text FROM ", table, " WHERE id = ", i));
        CHECK((read.at(0).at(0) == read.at(0).at(1)));
      }
    }
  }
};

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: array types are the server's own",
                 "[postgresql]") {
  for (const auto& row : db().Query("SELECT oid, typarray, typname FROM pg_type WHERE typname IN "
                                    "('bool', 'bytea', 'int2', 'int4', 'int8', 'text', 'json', "
                                    "'float4', 'float8', 'bpchar', 'varchar', 'date', 'time', "
                                    "'timestamp', 'timestamptz', 'numeric', 'uuid', 'jsonb')")) {
    INFO(row.at(2).value());
    CHECK(postgresql::ArrayOidOf(std::stoul(row.at(0).value())) == std::stoul(row.at(1).value()));
  }
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: booleans, floats and UUIDs", "[postgresql]") {
  Check("boolean", {{Value::Bool(true), "true"}, {Value::Bool(false), "false"}});
  Check("real", {{Value::Double(1.5), "1.5"}, {Value::Double(-0.0), "'-0'"}});
  Check("double precision", {{Value::Double(0.1), "0.1"}, {Value::Null(), "NULL"}});
  Check("uuid", {{Value::Text("0123e567-e89b-12d3-a456-42661417400f"),
                  "'0123e567-e89b-12d3-a456-42661417400f'"}});
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: domains, with their lengths and their CHECKs",
                 "[postgresql]") {
  const std::string domain = UniqueName("_domain");
  db().Execute(absl::StrCat("CREATE DOMAIN ", domain, " AS varchar(3) CHECK (VALUE <> 'bad')"));
  Check(domain, {{Value::Text("abc"), "'abc'"}, {Value::Text("a  "), "'a  '"}});
  for (const uint32_t unnest_cells_max : {0U, 1'000U}) {
    const std::string table = NewTable(absl::StrCat("id BIGINT PRIMARY KEY, v ", domain));
    const auto schema = Describe(table, Conflict::kUpdate);
    const RowBlock block = Block(*schema, {{{"id", Value::Int(1)}, {"v", Value::Text("bad")}},
                                           {{"id", Value::Int(2)}, {"v", Value::Text("ok")}}});
    const WriteOutcome outcome =
        WriteThrough(*MakeExecutor(unnest_cells_max), PlanWrite(schema, {&block}));
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].error.code == "23514");
    CHECK(outcome.failures[0].error.error_class == ErrorClass::kRow);
    CHECK(Rows(table, "id, v") == std::vector<std::string>{"2|ok"});
  }
  db().Execute(absl::StrCat("DROP DOMAIN ", domain, " CASCADE"));
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: a document that only the server refuses",
                 "[postgresql]") {
  for (const uint32_t unnest_cells_max : {0U, 1'000U}) {
    const std::string table = NewTable("id BIGINT PRIMARY KEY, v JSONB");
    const auto schema = Describe(table, Conflict::kUpdate);
    const RowBlock block =
        Block(*schema, {{{"id", Value::Int(1)}, {"v", Value::Text("{}")}},
                        {{"id", Value::Int(2)}, {"v", Value::Text("\"\\u0000\"")}}});
    const WriteOutcome outcome =
        WriteThrough(*MakeExecutor(unnest_cells_max), PlanWrite(schema, {&block}));
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].error.code == "22P05");
    CHECK(Rows(table, "id, v") == std::vector<std::string>{"1|{}"});
  }
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: integers", "[postgresql]") {
  Check("smallint",
        {{Value::Int(-32768), "-32768"}, {Value::Int(32767), "32767"}, {Value::Null(), "NULL"}});
  Check("integer",
        {{Value::Int(-2147483648), "-2147483648"}, {Value::Int(2147483647), "2147483647"}});
  Check("bigint", {{Value::Int(std::numeric_limits<int64_t>::min()), "-9223372036854775808"},
                   {Value::Int(std::numeric_limits<int64_t>::max()), "9223372036854775807"}});
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: numeric of every shape", "[postgresql]") {
  const std::string long_whole = "9" + std::string(999, '7');
  const std::string long_fraction = "-0." + std::string(400, '0') + "123";
  std::vector<Sample> samples = {{Value::Text("NaN"), "'NaN'"},
                                 {Value::Null(), "NULL"},
                                 {Value::Text(long_whole), long_whole},
                                 {Value::Text(long_fraction), long_fraction}};
  const std::vector<std::string> texts = {"0",
                                          "1",
                                          "-1",
                                          "10",
                                          "9999",
                                          "10000",
                                          "10001",
                                          "100000000",
                                          "0.1",
                                          "0.01",
                                          "0.001",
                                          "0.0001",
                                          "0.00001",
                                          "-0.00000001",
                                          "1.5",
                                          "12345.6789",
                                          "1234.56789",
                                          "-99999999.99999999",
                                          "1000000000000.0001",
                                          "20000.5"};
  for (const std::string& text : texts) samples.push_back({Value::Text(text), text});
  Check("numeric", samples);
  Check("numeric(20,6)", {{Value::Text("1.5"), "1.5"},
                          {Value::Text("-99999999999999.999999"), "-99999999999999.999999"}});
  Check("numeric(5,5)", {{Value::Text("0.99999"), "0.99999"}, {Value::Text("NaN"), "'NaN'"}});
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: text types", "[postgresql]") {
  Check("varchar(3)", {{Value::Text("\xc3\xa4\xf0\x9f\x98\x80z"), "'\xc3\xa4\xf0\x9f\x98\x80z'"},
                       {Value::Text(""), "''"}});
  Check("char(3)",
        {{Value::Text("a"), "'a'"}, {Value::Text(""), "''"}, {Value::Text("abc"), "'abc'"}});
  Check("text", {{Value::Text("{NULL,\"}"), "'{NULL,\"}'"}, {Value::Null(), "NULL"}});
  Check("bytea", {{Value::Bytes(std::string_view("\0\xff", 2)), "'\\x00ff'"}});
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: the first and last day and microsecond",
                 "[postgresql]") {
  Check("date", {{Value::Date(-2'440'588), "'4714-11-24 BC'"},
                 {Value::Date(2'145'042'905), "'5874897-12-31'"},
                 {Value::Date(0), "'1970-01-01'"}});
  Check("timestamp", {{Value::Timestamp(-2'440'588 * int64_t{86'400'000'000}), "'4714-11-24 BC'"},
                      {Value::Timestamp(std::numeric_limits<int64_t>::max()),
                       "'294247-01-10 04:00:54.775807'"}});
  Check("timestamptz", {{Value::Timestamp(-1), "'1969-12-31 23:59:59.999999+00'"}});
  Check("time", {{Value::Time(86'400'000'000), "'24:00'"}, {Value::Time(1), "'00:00:00.000001'"}});
  Check("time(2)", {{Value::Time(10'000), "'00:00:00.01'"}});
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: beyond the first and last day is refused",
                 "[postgresql]") {
  const auto schema = Describe(NewTable("id BIGINT, d DATE, t TIMESTAMP, c TIME(2)"));
  const std::vector<Cells> rows = {{{"d", Value::Date(-2'440'589)}},
                                   {{"d", Value::Date(2'145'042'906)}},
                                   {{"t", Value::Timestamp(std::numeric_limits<int64_t>::min())}},
                                   {{"c", Value::Time(86'400'000'001)}},
                                   {{"c", Value::Time(1)}}};
  CHECK(Build(*schema, rows).rejected.size() == rows.size());
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: json keeps its text, jsonb its value",
                 "[postgresql]") {
  Check("json", {{Value::Text("{ \"a\" : 1.0 }"), "'{ \"a\" : 1.0 }'"}});
  Check("jsonb", {{Value::Text("{ \"b\" : 1.0, \"a\": null }"), "'{ \"b\" : 1.0, \"a\": null }'"}});
}

TEST_CASE_METHOD(PostgresValueTest, "PostgreSQL: arrays of every element", "[postgresql]") {
  const auto list = [](const std::vector<Value>& values) { return Value::List(values); };
  const std::vector<Value> ints = {Value::Int(1), Value::Null(), Value::Int(-1)};
  for (const char* type : {"smallint[]", "integer[]", "bigint[]"}) {
    Check(type,
          {{list(ints), "'{1,NULL,-1}'"}, {Value::List({}), "'{}'"}, {Value::Null(), "NULL"}});
  }
  const std::vector<Value> reals = {Value::Double(1.5), Value::Double(-0.0)};
  Check("real[]", {{list(reals), "'{1.5,-0}'"}});
  Check("double precision[]", {{list(reals), "'{1.5,-0}'"}});
  const std::vector<Value> numbers = {Value::Text("12345.678"), Value::Text("NaN"), Value::Null()};
  Check("numeric[]", {{list(numbers), "'{12345.678,NaN,NULL}'"}});
  Check("numeric(9,4)[]", {{list(numbers), "'{12345.678,NaN,NULL}'"}});
  const std::vector<Value> texts = {Value::Text(""), Value::Text("\"x,y\""), Value::Null()};
  Check("varchar(5)[]", {{list(texts), "ARRAY['', '\"x,y\"', NULL]"}});
  Check("char(5)[]", {{list(texts), "ARRAY['', '\"x,y\"', NULL]"}});
  const std::vector<Value> bytes = {Value::Bytes("a")};
  Check("bytea[]", {{list(bytes), "ARRAY['a']"}});
  const std::vector<Value> bools = {Value::Bool(true), Value::Null()};
  Check("boolean[]", {{list(bools), "'{t,NULL}'"}});
  const std::vector<Value> days = {Value::Date(-1)};
  Check("date[]", {{list(days), "'{1969-12-31}'"}});
  const std::vector<Value> instants = {Value::Text("2024-02-29T01:02:03.5Z")};
  Check("timestamptz[]", {{list(instants), "'{2024-02-29T01:02:03.5Z}'"}});
  const std::vector<Value> ids = {Value::Text("0123e567-e89b-12d3-a456-42661417400f")};
  Check("uuid[]", {{list(ids), "'{0123e567-e89b-12d3-a456-42661417400f}'"}});
  const std::vector<Value> documents = {Value::Text("{\"a\":1}"), Value::Text("null")};
  Check("jsonb[]", {{list(documents), "ARRAY['{\"a\":1}', 'null']"}});
  Check("json[]", {{list(documents), "ARRAY['{\"a\":1}', 'null']"}});
  const std::vector<Value> colors = {Value::Text("green")};
  Check(Sql(ColumnType::kEnum) + "[]", {{list(colors), "'{green}'"}});
}

}  // namespace
}  // namespace batchsql::contract
