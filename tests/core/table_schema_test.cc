#include "core/table_schema.h"

#include <catch2/catch.hpp>

#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Keys = std::vector<std::vector<uint16_t>>;

absl::StatusOr<TableSchema> Create(WriteRule rule, Keys unique_keys = {{0}},
                                   std::vector<uint16_t> primary_key = {0}) {
  std::vector<Column> columns = {NotNull(TestColumn("id", ColumnType::kInt64)),
                                 TestColumn("a", ColumnType::kInt64),
                                 TestColumn("b", ColumnType::kText)};
  columns[2].key_is_bytes = false;
  return TableSchema::Create({"s", "t"}, std::move(columns), std::move(primary_key),
                             std::move(unique_keys), std::move(rule));
}

WriteRule Rule(Conflict conflict, std::vector<std::string> key = {},
               std::vector<std::string> update = {}) {
  return {conflict, std::move(key), std::move(update), false};
}

TEST_CASE("A table that is only inserted into needs no key") {
  const auto schema = Create(Rule(Conflict::kInsert), {}, {});
  REQUIRE(schema.ok());
  CHECK(schema->IsAppendOnly());
  CHECK_FALSE(schema->CanCoalesce());
  CHECK(schema->conflict_key().empty());
  CHECK(schema->FindColumn("a") == 1);
  CHECK(schema->FindColumn("A") == -1);
}

TEST_CASE("The other strategies take the primary key, or need one named") {
  for (Conflict conflict : {Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    const auto schema = Create(Rule(conflict));
    REQUIRE(schema.ok());
    CHECK(schema->conflict_key() == std::vector<uint16_t>{0});
    CHECK(schema->CanCoalesce());
    CHECK_FALSE(schema->IsAppendOnly());
    CHECK(Create(Rule(conflict), {{1}}, {}).status().code() ==
          absl::StatusCode::kFailedPrecondition);
    CHECK(Create(Rule(conflict, {"a"}), {{1}}, {}).ok());
  }
}

TEST_CASE("A configured key must be a unique key, in any order of its columns") {
  CHECK(Create(Rule(Conflict::kIgnore, {"a", "id"}), {{0, 1}}, {0, 1}).ok());
  for (const WriteRule& rule :
       {Rule(Conflict::kIgnore, {"a"}), Rule(Conflict::kIgnore, {"id", "id"}),
        Rule(Conflict::kIgnore, {"nothing"}), Rule(Conflict::kUpdate, {}, {"nothing"})}) {
    CHECK(Create(rule).status().code() == absl::StatusCode::kFailedPrecondition);
  }
}

TEST_CASE("Several unique keys are refused until the rule accepts them") {
  WriteRule rule = Rule(Conflict::kUpdate);
  CHECK(Create(rule, {{0}, {1}}).status().code() == absl::StatusCode::kFailedPrecondition);
  rule.any_unique_key = true;
  const auto schema = Create(rule, {{0}, {1}});
  REQUIRE(schema.ok());
  CHECK_FALSE(schema->CanCoalesce());  // a row may conflict through the other key
}

TEST_CASE("Rows coalesce only where equal keys are equal bytes") {
  CHECK_FALSE(Create(Rule(Conflict::kUpdate, {"b"}), {{2}}, {})->CanCoalesce());
  CHECK_FALSE(Create(Rule(Conflict::kUpdate, {"id", "b"}), {{0, 2}}, {})->CanCoalesce());
  CHECK(Create(Rule(Conflict::kUpdate, {"id", "a"}), {{0, 1}}, {})->CanCoalesce());
}

TEST_CASE("An update sets the columns named, or all, but never the key") {
  const auto all = Create(Rule(Conflict::kUpdate));
  CHECK_FALSE(all->IsUpdateColumn(0));
  CHECK(all->IsUpdateColumn(1));
  CHECK(all->IsUpdateColumn(2));
  const auto named = Create(Rule(Conflict::kUpdate, {}, {"id", "b"}));
  CHECK_FALSE(named->IsUpdateColumn(0));
  CHECK_FALSE(named->IsUpdateColumn(1));
  CHECK(named->IsUpdateColumn(2));
}

TEST_CASE("Schemas are equal when all that is described is equal") {
  CHECK(*Create(Rule(Conflict::kUpdate)) == *Create(Rule(Conflict::kUpdate)));
  CHECK_FALSE(*Create(Rule(Conflict::kUpdate)) == *Create(Rule(Conflict::kIgnore)));
  TableSchema wider = TestTable({TestColumn("a", ColumnType::kInt64)});
  Column narrow = TestColumn("a", ColumnType::kInt64);
  narrow.max = 5;
  CHECK_FALSE(wider == TestTable({narrow}));
}

TEST_CASE("A table's name has one part or two") {
  CHECK(ParseTableName("t")->ToString() == "t");
  CHECK(ParseTableName("s.t")->schema == "s");
  CHECK(ParseTableName("s.t")->ToString() == "s.t");
  for (const std::string& text :
       {std::string(), std::string("."), std::string("s."), std::string(".t"), std::string("a.b.c"),
        std::string("a\0b", 3), std::string(256, 'x')}) {
    CHECK(ParseTableName(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(ParseTableName(std::string(255, 'x')).ok());
  // What a request that names no table has: a view without data.
  CHECK_FALSE(ParseTableName(std::string_view()).ok());
  CHECK_FALSE(ParseTableName("\xC3(").ok());
}

TEST_CASE("Strategies have names that are read back") {
  for (Conflict conflict :
       {Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    CHECK(*ParseConflict(ConflictName(conflict)) == conflict);
  }
  CHECK_FALSE(ParseConflict("Insert").ok());
}

}  // namespace
}  // namespace batchsql
