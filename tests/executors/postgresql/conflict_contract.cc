#include <catch2/catch.hpp>

#include "tests/executors/contract_suite.h"

// What PostgreSQL sets, and in which order, beyond what every database does.

namespace batchsql::contract {
namespace {

TEST_CASE_METHOD(ContractTest, "PostgreSQL: equal keys that differ in bytes are applied in order",
                 "[postgresql]") {
  const std::string table = NewTable("id NUMERIC PRIMARY KEY, a BIGINT");
  const auto schema = Describe(table, Conflict::kUpdate);
  REQUIRE_FALSE(schema->CanCoalesce());
  std::vector<Cells> rows;
  for (int64_t i = 0; i < 20; ++i)
    rows.push_back({{"id", Value::Int(i % 3)}, {"a", Value::Int(i)}});
  MustWrite(schema, rows);
  CHECK(Rows(table, "id, a") == std::vector<std::string>{"0|18", "1|19", "2|17"});
}

TEST_CASE_METHOD(ContractTest, "PostgreSQL: replace sets what was not sent to its default",
                 "[postgresql]") {
  const std::string table = NewTable(
      "id BIGINT PRIMARY KEY, a BIGINT DEFAULT 7, b TEXT, s SERIAL, twice BIGINT GENERATED ALWAYS "
      "AS "
      "(a * 2) STORED");
  const auto schema = Describe(table, Conflict::kReplace);
  MustWrite(schema, {{{"id", Value::Int(1)},
                      {"a", Value::Int(1)},
                      {"b", Value::Text("x")},
                      {"s", Value::Int(100)}}});
  MustWrite(schema, {{{"id", Value::Int(1)}, {"b", Value::Null()}}});
  CHECK(Rows(table, "id, a, b, s, twice") == std::vector<std::string>{"1|7|NULL|1|14"});
}

TEST_CASE_METHOD(ContractTest,
                 "PostgreSQL: replace by another key gives a row no new primary key, unless sent",
                 "[postgresql]") {
  const std::string table =
      NewTable("id BIGSERIAL PRIMARY KEY, k INT NOT NULL UNIQUE, a TEXT DEFAULT 'x'");
  const auto schema = Describe(table, ReplaceBy("k"));
  MustWrite(schema, {{{"k", Value::Int(7)}, {"a", Value::Text("a")}}});
  MustWrite(schema, {{{"k", Value::Int(7)}}});
  CHECK(Rows(table, "id, k, a") == std::vector<std::string>{"1|7|x"});
  MustWrite(schema, {{{"id", Value::Int(100)}, {"k", Value::Int(7)}}});
  CHECK(Rows(table, "id, k, a") == std::vector<std::string>{"100|7|x"});
}

TEST_CASE_METHOD(ContractTest, "PostgreSQL: rows without a single column are written too",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGSERIAL PRIMARY KEY, a BIGINT DEFAULT 5");
  MustWrite(Describe(table), {{}, {{"a", Value::Int(1)}}, {}});
  CHECK(Count(table) == 3);
  CHECK(Count(table, "a = 5") == 2);
}

}  // namespace
}  // namespace batchsql::contract
