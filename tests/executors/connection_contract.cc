#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;

TEST_CASE_METHOD(ContractTest, "A connection opens when it is needed and after Disconnect",
                 "[connection]") {
  CHECK_FALSE(executor().connected());
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  CHECK(executor().connected());
  executor().Disconnect();
  CHECK_FALSE(executor().connected());
  MustWrite(schema, {{{"id", Value::Int(1)}}});
  CHECK(executor().connected());
  executor().Disconnect();
  executor().Disconnect();
  MustWrite(schema, {{{"id", Value::Int(2)}}});
  CHECK(Count(table) == 2);
}

TEST_CASE_METHOD(ContractTest, "A killed connection costs one Write and doubles no row",
                 "[connection]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", Value::Int(0)}}});
  for (int64_t round = 1; round <= 3; ++round) {
    if (!db().KillConnections()) return;
    std::vector<Cells> rows;
    for (int64_t i = 0; i < 1'000; ++i) rows.push_back({{"id", Value::Int(round * 1'000 + i)}});
    const WriteOutcome outcome = Write(schema, rows);
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(outcome.kind != Kind::kCommitted);
    CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kReconnect));
    CHECK(Count(table) == 1 + (round - 1) * 1'000);  // killed while idle: nothing was sent
    MustWrite(schema, rows);
    CHECK(Count(table) == 1 + round * 1'000);
  }
}

TEST_CASE_METHOD(ContractTest, "Describe after a killed connection is UNAVAILABLE or right",
                 "[connection]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  if (!db().KillConnections()) return;
  const auto first = executor().Describe({"", table}, WriteRule());
  if (!first.ok()) CHECK(first.status().code() == absl::StatusCode::kUnavailable);
  CHECK(*Describe(table) == *schema);
}

TEST_CASE_METHOD(ContractTest, "Executors write into one table side by side", "[connection]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const std::unique_ptr<Executor> other = db().MakeExecutor();
  for (int64_t i = 0; i < 20; ++i) {
    const RowBlock block = Block(*schema, {{{"id", Value::Int(1'000 + i)}}});
    CHECK(WriteThrough(*other, PlanWrite(schema, {&block})).kind == Kind::kCommitted);
    MustWrite(schema, {{{"id", Value::Int(i)}}});
  }
  CHECK(Count(table) == 40);
}

}  // namespace
}  // namespace batchsql::contract
