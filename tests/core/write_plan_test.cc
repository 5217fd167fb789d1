#include "core/write_plan.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Columns = std::vector<uint16_t>;
using Ranges = std::vector<RowRange>;
using Strings = std::vector<std::string>;
using Schema = std::shared_ptr<const TableSchema>;

Value I(int64_t value) { return Value::Int(value); }

Schema TableAB(Conflict conflict) {
  return std::make_shared<const TableSchema>(TestTableAB(conflict));
}

Strings Dump(const WritePlan& plan) {
  Strings rows;
  for (const WriteGroup& group : plan.groups) {
    for (const RowRange& range : group.rows) {
      for (uint32_t row = range.begin; row < range.end; ++row) {
        rows.push_back(DumpRow(*plan.schema, *plan.blocks[range.block], row));
      }
    }
  }
  return rows;
}

TEST_CASE("Inserted rows are grouped by the columns they carry, wherever they stand") {
  const Schema schema = TableAB(Conflict::kInsert);
  const RowBlock first = BuildBlock(*schema, {{{"id", I(1)}, {"a", I(1)}},
                                              {{"id", I(2)}},
                                              {{"id", I(3)}, {"a", Value::Null()}},
                                              {{"id", I(4)}, {"a", I(4)}}});
  const RowBlock second = BuildBlock(*schema, {{{"id", I(5)}, {"a", I(5)}}});
  const WritePlan plan = PlanWrite(schema, {&first, &second});
  REQUIRE(plan.groups.size() == 2);
  CHECK(plan.groups[0].columns == Columns{0, 1});
  CHECK(plan.groups[0].rows == Ranges{{0, 0, 1}, {0, 2, 4}, {1, 0, 1}});
  CHECK(plan.groups[1].columns == Columns{0});
  CHECK(plan.groups[1].rows == Ranges{{0, 1, 2}});
  CHECK(CountRows(plan.groups[0].rows) == 4);
}

TEST_CASE("A block whose rows all carry the same is one range, explicit absence or not") {
  const Schema schema = TableAB(Conflict::kInsert);
  const RowBlock block = BuildBlock(*schema, {{{"id", I(1)}, {"a", Value()}, {"b", I(1)}},
                                              {{"id", I(2)}, {"a", Value()}, {"b", I(2)}}});
  const WritePlan plan = PlanWrite(schema, {&block});
  REQUIRE(plan.groups.size() == 1);
  CHECK(plan.groups[0].columns == Columns{0, 2});
  CHECK(plan.groups[0].rows == Ranges{{0, 0, 2}});
  CHECK(CarriedColumns(block, 1) == Columns{0, 2});
}

// Keys that cannot be compared as bytes: rows must be applied as they came.
Schema Unsortable(Conflict conflict) {
  Column id = NotNull(TestColumn("id", ColumnType::kText));
  id.key_is_bytes = false;
  return std::make_shared<const TableSchema>(*TableSchema::Create(
      {"", "t"}, {id, TestColumn("a", ColumnType::kInt64)}, {0}, {{0}}, {conflict, {}, {}, false}));
}

TEST_CASE("Rows whose keys cannot be sorted keep their order through all groups") {
  for (Conflict conflict : {Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    const Schema schema = Unsortable(conflict);
    const RowBlock block = BuildBlock(*schema, {{{"id", Value::Text("b")}, {"a", I(1)}},
                                                {{"id", Value::Text("a")}, {"a", I(2)}},
                                                {{"id", Value::Text("B")}},
                                                {{"id", Value::Text("b")}, {"a", I(4)}}});
    const WritePlan plan = PlanWrite(schema, {&block});
    CHECK(plan.groups.size() == 3);
    CHECK(Dump(plan) == Strings{"id='b' a=1", "id='a' a=2", "id='B'", "id='b' a=4"});
    CHECK(plan.coalesced_rows == 0);
  }
}

TEST_CASE("Coalesced rows are sorted by key within their groups") {
  const Schema schema = TableAB(Conflict::kUpdate);
  const RowBlock first = BuildBlock(*schema, {{{"id", I(9)}, {"a", I(1)}}, {{"id", I(3)}}});
  const RowBlock second =
      BuildBlock(*schema, {{{"id", I(1)}, {"a", I(2)}}, {{"id", I(9)}, {"b", I(3)}}});
  const WritePlan plan = PlanWrite(schema, {&first, &second});
  CHECK(plan.coalesced_rows == 1);
  REQUIRE(plan.merged != nullptr);
  REQUIRE(plan.blocks.size() == 3);
  CHECK(plan.blocks.back() == plan.merged.get());
  Strings rows = Dump(plan);
  std::sort(rows.begin(), rows.end());
  CHECK(rows == Strings{"id=1 a=2", "id=3", "id=9 a=1 b=3"});
  CHECK(plan.originals.at({2, 0}) == std::vector<RowRef>{{0, 0}, {1, 1}});
}

// A key column with a default: what an absent cell becomes is known to the database alone.
TEST_CASE("A batch with rows without a whole key keeps LSN order and coalesces nothing") {
  Column key = WithDefault(NotNull(TestColumn("k", ColumnType::kInt64)));
  for (Conflict conflict : {Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    const Schema schema = std::make_shared<const TableSchema>(
        *TableSchema::Create({"", "t"}, {key, TestColumn("a", ColumnType::kInt64)}, {0}, {{0}},
                             {conflict, {}, {}, false}));
    const RowBlock block = BuildBlock(*schema, {{{"k", I(5)}, {"a", I(1)}},
                                                {{"a", I(2)}},
                                                {{"k", I(0)}, {"a", I(3)}},
                                                {{"k", I(5)}, {"a", I(4)}}});
    const WritePlan plan = PlanWrite(schema, {&block});
    CHECK(Dump(plan) == Strings{"k=5 a=1", "a=2", "k=0 a=3", "k=5 a=4"});
    CHECK(plan.coalesced_rows == 0);
    CHECK(plan.originals.empty());
  }
}

TEST_CASE("Every row is in the plan exactly once, or stood for") {
  std::mt19937 random(5);
  for (Conflict conflict :
       {Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    const Schema schema = TableAB(conflict);
    for (int round = 0; round < 200; ++round) {
      std::vector<RowBlock> blocks;
      std::vector<const RowBlock*> pointers;
      uint64_t total = 0;
      for (uint32_t i = 1 + random() % 4; i > 0; --i) {
        std::vector<TestRow> rows;
        for (uint32_t j = 1 + random() % 6; j > 0; --j) {
          rows.push_back({{"id", I(random() % 12)}});
          if (random() % 2 == 0) rows.back().emplace_back("a", I(random() % 100));
          if (random() % 2 == 0) rows.back().emplace_back("b", Value::Null());
        }
        total += rows.size();
        blocks.push_back(BuildBlock(*schema, rows));
      }
      for (const RowBlock& block : blocks) pointers.push_back(&block);
      const WritePlan plan = PlanWrite(schema, pointers);
      std::map<RowRef, int> seen;
      uint64_t planned = 0;
      for (const WriteGroup& group : plan.groups) {
        planned += CountRows(group.rows);
        for (const RowRange& range : group.rows) {
          for (uint32_t row = range.begin; row < range.end; ++row) {
            ++seen[{range.block, row}];
            REQUIRE(CarriedColumns(*plan.blocks[range.block], row) == group.columns);
          }
        }
      }
      REQUIRE(planned + plan.coalesced_rows == total);
      for (const auto& [row, times] : seen) REQUIRE(times == 1);
    }
  }
}

TEST_CASE("ForEachRow gives each row with its own block's columns") {
  const Schema schema = TableAB(Conflict::kInsert);
  const RowBlock first =
      BuildBlock(*schema, {{{"a", I(10)}, {"id", I(1)}}, {{"a", I(20)}, {"id", I(2)}}});
  const RowBlock second = BuildBlock(*schema, {{{"id", I(3)}, {"a", I(30)}, {"b", I(0)}}});
  WritePlan plan;
  plan.schema = schema;
  plan.blocks = {&first, &second};
  const Columns columns = {1, 0};
  const Ranges ranges = {{0, 1, 2}, {1, 0, 1}, {0, 0, 1}};
  std::vector<std::pair<int64_t, int64_t>> seen;
  ForEachRow(plan, columns, ranges, [&](absl::Span<const ColumnView> views, uint32_t row) {
    seen.emplace_back(views[0].i64(row), views[1].i64(row));
  });
  CHECK(seen == std::vector<std::pair<int64_t, int64_t>>{{20, 2}, {30, 3}, {10, 1}});
}

}  // namespace
}  // namespace batchsql
