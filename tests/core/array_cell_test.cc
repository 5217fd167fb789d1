#include "core/array_cell.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/cell_check.h"
#include "core/cell_value.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

Column ArrayOf(ColumnType element) {
  Column column = TestColumn("c", ColumnType::kArray);
  column.element = element;
  return column;
}

TEST_CASE("An array cell gives back its elements and its NULLs") {
  std::vector<char> out;
  AppendArrayHeader(3, out);
  AppendArrayFixed(7, out);
  AppendArrayNull(out);
  AppendArrayFixed(UINT64_MAX, out);
  ArrayReader reader({out.data(), out.size()}, ColumnType::kInt64);
  CHECK(reader.count() == 3);
  REQUIRE(reader.Next());
  CHECK(reader.fixed() == 7);
  REQUIRE(reader.Next());
  CHECK(reader.is_null());
  REQUIRE(reader.Next());
  CHECK_FALSE(reader.is_null());
  CHECK(reader.fixed() == UINT64_MAX);
  CHECK_FALSE(reader.Next());
}

TEST_CASE("An array of texts keeps empty ones apart from NULL") {
  std::vector<char> out;
  AppendArrayHeader(2, out);
  AppendArrayBytes("", out);
  AppendArrayBytes(std::string(300, 'x'), out);
  ArrayReader reader({out.data(), out.size()}, ColumnType::kText);
  REQUIRE(reader.Next());
  CHECK_FALSE(reader.is_null());
  CHECK(reader.bytes().empty());
  REQUIRE(reader.Next());
  CHECK(reader.bytes() == std::string(300, 'x'));
  CHECK_FALSE(reader.Next());
}

TEST_CASE("An array column checks each element as a column of that type") {
  std::string scratch;
  const std::vector<Value> texts = {Value::Text("a"), Value::Null(), Value::Text("\xff")};
  CHECK(CheckCell(ArrayOf(ColumnType::kText), Value::List(texts), &scratch).reason ==
        RejectReason::kBadUtf8);
  CHECK(CheckCell(ArrayOf(ColumnType::kInt64), Value::List(texts), &scratch).reason ==
        RejectReason::kWrongType);
  const std::vector<Value> absent = {Value()};
  CHECK(CheckCell(ArrayOf(ColumnType::kInt64), Value::List(absent), &scratch).reason ==
        RejectReason::kWrongType);
  const std::vector<Value> nested = {Value::List(texts)};
  CHECK(CheckCell(ArrayOf(ColumnType::kText), Value::List(nested), &scratch).reason ==
        RejectReason::kWrongType);
  Column narrow = ArrayOf(ColumnType::kInt64);
  narrow.max = 9;
  const std::vector<Value> numbers = {Value::Int(9), Value::Int(10)};
  CHECK(CheckCell(narrow, Value::List(numbers), &scratch).reason == RejectReason::kOutOfRange);
}

TEST_CASE("An array with converted elements keeps each of them") {
  std::string scratch;
  const std::vector<Value> values = {Value::Text("1.50"), Value::Int(2), Value::Double(0.25)};
  const CheckedCell cell = CheckCell(ArrayOf(ColumnType::kDecimal), Value::List(values), &scratch);
  REQUIRE(cell.reason == RejectReason::kNone);
  ArrayReader reader(cell.bytes, ColumnType::kDecimal);
  std::vector<std::string> read;
  while (reader.Next()) read.emplace_back(reader.bytes());
  CHECK(read == std::vector<std::string>{"1.5", "2", "0.25"});
}

TEST_CASE("A stored cell read as a value is taken again unchanged, for every type") {
  static const std::vector<Value> elements = {Value::Text("1.5"), Value::Null()};
  const auto [type, sent] = GENERATE_COPY(values<std::pair<ColumnType, Value>>({
      {ColumnType::kBool, Value::Bool(true)},
      {ColumnType::kInt64, Value::Int(INT64_MIN)},
      {ColumnType::kUint64, Value::Uint(UINT64_MAX)},
      {ColumnType::kFloat32, Value::Double(0.5)},
      {ColumnType::kFloat64, Value::Double(-0.0)},
      {ColumnType::kDecimal, Value::Text("NaN")},
      {ColumnType::kDecimal, Value::Text("-12345678901234567890123456789012345678.50")},
      {ColumnType::kText, Value::Text("gr\xc3\xbcn")},
      {ColumnType::kBytes, Value::Bytes("\xff\\x00")},
      {ColumnType::kDate, Value::Date(-1)},
      {ColumnType::kTime, Value::Time(1)},
      {ColumnType::kTimestamp, Value::Timestamp(-1)},
      {ColumnType::kTimestampTz, Value::Timestamp(1)},
      {ColumnType::kUuid, Value::Bytes("0123456789abcdef")},
      {ColumnType::kJson, Value::Text("{\"a\":1}")},
      {ColumnType::kEnum, Value::Text("red")},
      {ColumnType::kArray, Value::List(elements)},
  }));
  Column column = TestColumn("c", type);
  column.labels = {"red"};
  column.element = ColumnType::kDecimal;
  const TableSchema schema = TestTable({column});
  const RowBlock block = BuildBlock(schema, {{{"id", Value::Int(1)}, {"c", sent}}});
  ColumnView view;
  REQUIRE(block.FindColumn(1, &view));
  std::vector<Value> scratch;
  const Value value = CellValue(column, view, 0, &scratch);
  const RowBlock again = BuildBlock(schema, {{{"id", Value::Int(1)}, {"c", value}}});
  CHECK(DumpBlock(schema, again) == DumpBlock(schema, block));
}

}  // namespace
}  // namespace batchsql
