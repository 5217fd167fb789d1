#include "core/coalesce.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "core/cell_value.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }

struct Coalesced {
  CoalescedRows result;
  Strings rows;  // dumped
};

Coalesced Run(const TableSchema& schema, const std::vector<const RowBlock*>& blocks) {
  Coalesced coalesced{Coalesce(schema, blocks), {}};
  for (const RowRef& row : coalesced.result.rows) {
    const RowBlock& block =
        row.block == blocks.size() ? *coalesced.result.merged : *blocks[row.block];
    coalesced.rows.push_back(DumpRow(schema, block, row.row));
  }
  return coalesced;
}

TEST_CASE("Under ignore the first row of a key stays") {
  const TableSchema schema = TestTableAB(Conflict::kIgnore);
  const RowBlock block = BuildBlock(
      schema,
      {{{"id", I(2)}, {"a", I(1)}}, {{"id", I(-1)}, {"a", I(2)}}, {{"id", I(2)}, {"a", I(3)}}});
  const Coalesced out = Run(schema, {&block});
  CHECK(out.rows == Strings{"id=-1 a=2", "id=2 a=1"});
  CHECK(out.result.absorbed == 1);
  CHECK(out.result.originals.at({0, 0}) == std::vector<RowRef>{{0, 0}, {0, 2}});
  CHECK(out.result.merged == nullptr);
}

TEST_CASE("Under replace the last row of a key stays") {
  const TableSchema schema = TestTableAB(Conflict::kReplace);
  const RowBlock first = BuildBlock(schema, {{{"id", I(1)}, {"a", I(1)}, {"b", I(1)}}});
  const RowBlock second = BuildBlock(schema, {{{"id", I(1)}, {"b", I(2)}}});
  const Coalesced out = Run(schema, {&first, &second});
  CHECK(out.rows == Strings{"id=1 b=2"});
  CHECK(out.result.originals.at({1, 0}) == std::vector<RowRef>{{0, 0}, {1, 0}});
}

TEST_CASE("Blocks without rows leave the others' rows coalesced") {
  const TableSchema schema = TestTableAB(Conflict::kReplace);
  const RowBlock rows = BuildBlock(schema, {{{"id", I(2)}}, {{"id", I(1)}}, {{"id", I(2)}}});
  const RowBlock empty;
  for (const std::vector<const RowBlock*>& blocks :
       {std::vector<const RowBlock*>{&rows, &empty}, {&empty, &rows}}) {
    const Coalesced out = Run(schema, blocks);
    CHECK_FALSE(out.result.unsortable);
    CHECK(out.rows == Strings{"id=1", "id=2"});
    CHECK(out.result.absorbed == 1);
  }
}

TEST_CASE("Under update the rows of a key are merged, each column's last cell wins") {
  const TableSchema schema = TestTableAB(Conflict::kUpdate);
  const RowBlock block = BuildBlock(schema, {{{"id", I(1)}, {"a", I(1)}},
                                             {{"id", I(1)}, {"b", I(2)}},
                                             {{"id", I(1)}, {"a", Value::Null()}}});
  const Coalesced out = Run(schema, {&block});
  CHECK(out.rows == Strings{"id=1 a=NULL b=2"});
  CHECK(out.result.absorbed == 2);
  CHECK(out.result.originals.at({1, 0}) == std::vector<RowRef>{{0, 0}, {0, 1}, {0, 2}});
}

TEST_CASE("A column that an update does not set keeps what the first row inserts") {
  const TableSchema schema = TestTableAB(Conflict::kUpdate, {"b"});
  const RowBlock block = BuildBlock(schema, {{{"id", I(1)}, {"b", I(1)}},
                                             {{"id", I(1)}, {"a", I(5)}, {"b", I(2)}},
                                             {{"id", I(2)}, {"a", I(7)}},
                                             {{"id", I(2)}, {"a", I(8)}}});
  CHECK(Run(schema, {&block}).rows == Strings{"id=1 b=2", "id=2 a=7"});
}

TEST_CASE("Keys that ascend already are left in their order, and nothing is merged") {
  const TableSchema schema = TestTableAB(Conflict::kUpdate);
  const RowBlock block = BuildBlock(schema, {{{"id", I(-5)}}, {{"id", I(0)}}, {{"id", I(7)}}});
  const Coalesced out = Run(schema, {&block});
  CHECK(out.rows == Strings{"id=-5", "id=0", "id=7"});
  CHECK(out.result.absorbed == 0);
  CHECK(out.result.originals.empty());
}

TEST_CASE("Text keys of one length with another's beginning are other keys") {
  std::vector<Column> columns = {NotNull(TestColumn("k", ColumnType::kText)),
                                 NotNull(TestColumn("l", ColumnType::kText))};
  const TableSchema schema = *TableSchema::Create({"", "t"}, columns, {0, 1}, {{0, 1}},
                                                  {Conflict::kReplace, {}, {}, false});
  const RowBlock block = BuildBlock(schema, {{{"k", Value::Text("ab")}, {"l", Value::Text("c")}},
                                             {{"k", Value::Text("a")}, {"l", Value::Text("bc")}},
                                             {{"k", Value::Text("ab")}, {"l", Value::Text("c")}},
                                             {{"k", Value::Text("")}, {"l", Value::Text("abc")}}});
  const Coalesced out = Run(schema, {&block});
  CHECK(out.rows.size() == 3);
  CHECK(out.result.absorbed == 1);
}

TEST_CASE("Unsigned and signed keys are sorted as numbers") {
  for (ColumnType type : {ColumnType::kUint64, ColumnType::kInt64}) {
    const TableSchema schema = *TableSchema::Create({"", "t"}, {NotNull(TestColumn("k", type))},
                                                    {0}, {{0}}, {Conflict::kIgnore, {}, {}, false});
    const Value big = type == ColumnType::kUint64 ? Value::Uint(UINT64_MAX) : I(INT64_MAX);
    const Value small = type == ColumnType::kUint64 ? Value::Uint(0) : I(INT64_MIN);
    const RowBlock block = BuildBlock(schema, {{{"k", big}}, {{"k", I(1)}}, {{"k", small}}});
    const CoalescedRows rows = Coalesce(schema, std::vector<const RowBlock*>{&block});
    CHECK(rows.rows == std::vector<RowRef>{{0, 2}, {0, 1}, {0, 0}});
  }
}

TEST_CASE("Rows of every type merge without losing a cell") {
  std::vector<Column> columns;
  for (int type = 0; type <= static_cast<int>(ColumnType::kArray); ++type) {
    Column column = TestColumn(std::string(ColumnTypeName(static_cast<ColumnType>(type))),
                               static_cast<ColumnType>(type));
    column.labels = {"red"};
    columns.push_back(column);
  }
  const TableSchema schema = TestTable(columns, Conflict::kUpdate);
  const std::vector<Value> elements = {Value::Text("x"), Value::Null()};
  const TestRow full = {{"id", I(1)},
                        {"bool", Value::Bool(true)},
                        {"int64", I(INT64_MIN)},
                        {"uint64", Value::Uint(UINT64_MAX)},
                        {"float32", Value::Double(0.5)},
                        {"float64", Value::Double(-0.0)},
                        {"decimal", Value::Text("NaN")},
                        {"text", Value::Text("x")},
                        {"bytes", Value::Bytes("\xff")},
                        {"date", Value::Date(-1)},
                        {"time", Value::Time(1)},
                        {"timestamp", Value::Timestamp(1)},
                        {"timestamptz", Value::Timestamp(-1)},
                        {"uuid", Value::Bytes("0123456789abcdef")},
                        {"json", Value::Text("[1]")},
                        {"enum", Value::Text("red")},
                        {"array", Value::List(elements)}};
  const RowBlock block = BuildBlock(schema, {full, {{"id", I(1)}}});
  CHECK(Run(schema, {&block}).rows == Strings{DumpRow(schema, block, 0)});
}

// What a table holds of one row: a value by column index, "default" where none was ever sent.
using ModelRow = std::map<uint16_t, std::string>;
using Model = std::map<std::string, ModelRow>;

std::optional<std::string> Cell(const RowBlock& block, uint16_t column, uint32_t row) {
  ColumnView view;
  if (!block.FindColumn(column, &view) || view.state(row) == CellState::kAbsent)
    return std::nullopt;
  return view.state(row) == CellState::kNull ? "NULL" : std::to_string(view.i64(row));
}

// What the database does with one row, by the strategy's definition (delivery.md).
void Apply(const TableSchema& schema, const RowBlock& block, uint32_t row, Model& table) {
  const auto columns = static_cast<uint16_t>(schema.columns().size());
  ModelRow inserted;
  for (uint16_t column = 0; column < columns; ++column) {
    inserted[column] = Cell(block, column, row).value_or("default");
  }
  const auto [existing, is_new] = table.emplace(*Cell(block, 0, row), inserted);
  if (is_new || schema.conflict() == Conflict::kIgnore) return;
  for (uint16_t column = 0; column < columns; ++column) {
    const auto cell = Cell(block, column, row);
    if (schema.conflict() == Conflict::kReplace) {
      existing->second[column] = inserted[column];
    } else if (schema.IsUpdateColumn(column) && cell.has_value()) {
      existing->second[column] = *cell;
    }
  }
}

TEST_CASE("Coalesced rows leave the table that the rows one by one leave") {
  const auto conflict = GENERATE(Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace);
  const bool some_columns = GENERATE(false, true);
  const TableSchema schema =
      TestTable({TestColumn("a", ColumnType::kInt64), TestColumn("b", ColumnType::kInt64),
                 TestColumn("c", ColumnType::kInt64)},
                conflict, some_columns ? Strings{"a", "c"} : Strings{});
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    std::vector<RowBlock> blocks;
    for (uint32_t i = 1 + random() % 3; i > 0; --i) {
      std::vector<TestRow> rows;
      for (uint32_t j = 1 + random() % 8; j > 0; --j) {
        TestRow row = {{"id", I(random() % 5)}};
        for (const char* name : {"a", "b", "c"}) {
          if (random() % 3 == 0) continue;
          row.emplace_back(name, random() % 4 == 0 ? Value::Null() : I(random() % 1000));
        }
        rows.push_back(row);
      }
      blocks.push_back(BuildBlock(schema, rows));
    }
    Model one_by_one;
    for (const char* key : {"0", "3"}) {
      if (random() % 2 == 0) one_by_one[key] = {{0, key}, {1, "old"}, {2, "old"}, {3, "old"}};
    }
    Model coalesced = one_by_one;
    std::vector<const RowBlock*> pointers;
    uint64_t total = 0;
    for (const RowBlock& block : blocks) {
      pointers.push_back(&block);
      total += block.rows();
      for (uint32_t row = 0; row < block.rows(); ++row) Apply(schema, block, row, one_by_one);
    }
    const CoalescedRows result = Coalesce(schema, pointers);
    for (const RowRef& row : result.rows) {
      Apply(schema, row.block == blocks.size() ? *result.merged : blocks[row.block], row.row,
            coalesced);
    }
    REQUIRE(coalesced == one_by_one);
    REQUIRE(result.rows.size() + result.absorbed == total);
    // Each original is told once, in LSN order.
    uint64_t told = 0;
    for (const auto& [row, originals] : result.originals) {
      REQUIRE(std::is_sorted(originals.begin(), originals.end()));
      told += originals.size() - 1;
    }
    REQUIRE(told == result.absorbed);
  }
}

}  // namespace
}  // namespace batchsql
