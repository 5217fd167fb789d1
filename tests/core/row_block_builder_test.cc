#include "core/row_block_builder.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/names.h"
#include "core/utf8.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }
Value T(std::string_view text) { return Value::Text(text); }

TableSchema TextTable() {
  return TestTable({TestColumn("t", ColumnType::kText), TestColumn("n", ColumnType::kInt64),
                    WithDefault(NotNull(TestColumn("d", ColumnType::kText)))});
}

TEST_CASE("A cell is absent, NULL or a value") {
  const TableSchema schema = TextTable();
  const RowBlock block = BuildBlock(schema, {{{"id", I(1)}, {"t", T("x")}},
                                             {{"id", I(2)}, {"t", Value::Null()}},
                                             {{"id", I(3)}, {"t", Value()}, {"n", I(3)}},
                                             {{"id", I(4)}, {"t", T("")}}});
  CHECK(DumpBlock(schema, block) == Strings{"id=1 t='x'", "id=2 t=NULL", "id=3 n=3", "id=4 t=''"});
  ColumnView id;
  REQUIRE(block.FindColumn(0, &id));
  CHECK(id.all_values());
  ColumnView t;
  REQUIRE(block.FindColumn(1, &t));
  CHECK_FALSE(t.all_values());
  CHECK(t.bytes(1).empty());
  ColumnView none;
  CHECK_FALSE(block.FindColumn(3, &none));
}

TEST_CASE("Columns of a block are those of the schema, ascending, whatever the client's order") {
  const TableSchema schema = TextTable();
  const RowBlock block = BuildBlock(schema, {{{"n", I(5)}, {"t", T("x")}, {"id", I(1)}}});
  REQUIRE(block.column_count() == 3);
  for (uint32_t i = 0; i < 3; ++i) CHECK(block.column(i).schema_index() == i);
}

TEST_CASE("Refused rows are left out and their neighbours keep their bytes and their numbers") {
  const TableSchema schema = TextTable();
  const BuiltRows built = BuildRows(schema, {{{"id", I(0)}, {"t", T("\xff")}},
                                             {{"id", I(1)}, {"t", T("one")}},
                                             {{"id", T("x")}, {"t", T("lost")}},
                                             {{"id", I(3)}, {"t", Value::Null()}},
                                             {{"id", Value::Null()}, {"t", T("lost too")}},
                                             {{"id", I(5)}, {"t", T("five")}},
                                             {{"t", T("no id")}}});
  CHECK(DumpRejections(built.rejected) ==
        Strings{"0 t bad_utf8", "2 id wrong_type", "4 id null", "6 id missing"});
  REQUIRE(built.block.has_value());
  CHECK(DumpBlock(schema, *built.block) == Strings{"id=1 t='one'", "id=3 t=NULL", "id=5 t='five'"});
  CHECK(built.block->source_row(0) == 1);
  CHECK(built.block->source_row(1) == 3);
  CHECK(built.block->source_row(2) == 5);
}

TEST_CASE("Rows that are all taken have the numbers they came with") {
  const TableSchema schema = TextTable();
  const RowBlock block = BuildBlock(schema, {{{"id", I(1)}}, {{"id", I(2)}}});
  CHECK(block.source_row(1) == 1);
}

TEST_CASE("A request whose rows are all refused has no block") {
  const TableSchema schema = TextTable();
  const BuiltRows built = BuildRows(schema, {{{"id", T("x")}}, {{"n", I(1)}}});
  CHECK_FALSE(built.block.has_value());
  CHECK(built.rejected.size() == 2);
}

TEST_CASE("A row is told once, with its first fault and without its value") {
  const TableSchema schema = TextTable();
  const BuiltRows built =
      BuildRows(schema, {{{"n", T("secret")}, {"t", T("\xff")}, {"nothing", I(1)}}});
  REQUIRE(built.rejected.size() == 1);
  CHECK(built.rejected[0].field == "n");
  CHECK(built.rejected[0].reason == RejectReason::kWrongType);
  CHECK(built.rejected[0].detail == "column takes int64, got text");
}

TEST_CASE("A cell for a column that the table lacks refuses its row, an absent one does not") {
  const TableSchema schema = TextTable();
  const BuiltRows built = BuildRows(schema, {{{"id", I(0)}, {"nothing", I(1)}},
                                             {{"id", I(1)}, {"nothing", Value()}},
                                             {{"id", I(2)}, {"nothing", Value::Null()}},
                                             {{"id", I(3)}}});
  CHECK(DumpRejections(built.rejected) ==
        Strings{"0 nothing unknown_column", "2 nothing unknown_column"});
  CHECK(DumpBlock(schema, *built.block) == Strings{"id=1", "id=3"});
}

TEST_CASE("A generated column is refused from clients, and may be NOT NULL") {
  Column generated = NotNull(TestColumn("g", ColumnType::kText));
  generated.generated = true;
  const TableSchema schema = TestTable({generated});
  const BuiltRows built = BuildRows(
      schema, {{{"id", I(0)}, {"g", T("x")}}, {{"id", I(1)}, {"g", Value()}}, {{"id", I(2)}}});
  CHECK(DumpRejections(built.rejected) == Strings{"0 g unknown_column"});
  CHECK(DumpBlock(schema, *built.block) == Strings{"id=1", "id=2"});
}

TEST_CASE("A column with a default may be absent but not NULL") {
  const TableSchema schema = TextTable();
  const BuiltRows built = BuildRows(schema, {{{"id", I(0)}, {"d", Value::Null()}},
                                             {{"id", I(1)}, {"d", Value()}},
                                             {{"id", I(2)}, {"d", T("x")}}});
  CHECK(DumpRejections(built.rejected) == Strings{"0 d null"});
  CHECK(DumpBlock(schema, *built.block) == Strings{"id=1", "id=2 d='x'"});
}

TEST_CASE("A column that first appears in a later row is absent before") {
  const TableSchema schema = TextTable();
  const RowBlock block = BuildBlock(
      schema, {{{"id", I(1)}}, {{"id", I(2)}, {"n", I(2)}, {"t", T("x")}}, {{"id", I(3)}}});
  CHECK(DumpBlock(schema, block) == Strings{"id=1", "id=2 t='x' n=2", "id=3"});
}

TEST_CASE("A builder used again forgets the request, and the table, before") {
  RowBlockBuilder builder;
  const TableSchema first = TextTable();
  const TableSchema second = TestTable({TestColumn("x", ColumnType::kUuid)});
  for (int round = 0; round < 3; ++round) {
    builder.Start(first);
    builder.Append(*builder.BindColumn("id", 10), T("bad"));
    builder.Append(*builder.BindColumn("t", 10), T("kept from another time"));
    builder.EndRow();
    CHECK(builder.Finish().rejected.size() == 1);

    builder.Start(second);
    builder.Append(*builder.BindColumn("x", 10), Value::Bytes("0123456789abcdef"));
    builder.Append(*builder.BindColumn("id", 10), I(round));
    builder.EndRow();
    const BuiltRows built = builder.Finish();
    CHECK(built.rejected.empty());
    CHECK(DumpBlock(second, *built.block) ==
          Strings{absl::StrCat("id=", round, " x='0123456789abcdef'")});
  }
}

TEST_CASE("No more columns are bound than the limit says") {
  const TableSchema schema = TextTable();
  RowBlockBuilder builder;
  builder.Start(schema);
  CHECK(builder.BindColumn("id", 2).ok());
  CHECK(builder.BindColumn("unknown", 2).ok());
  CHECK(builder.BindColumn("id", 2).ok());
  CHECK(IsLimitPassed(builder.BindColumn("t", 2).status()));
  CHECK(builder.has_unknown_column());
}

TEST_CASE("An unknown column's name that is longer than names are refuses the request") {
  const TableSchema schema = TextTable();
  RowBlockBuilder builder;
  builder.Start(schema);
  CHECK(builder.BindColumn(std::string(kColumnNameBytesMax, 'x'), 10).ok());
  const absl::Status status =
      builder.BindColumn(std::string(kColumnNameBytesMax + 1, 'x'), 10).status();
  CHECK(absl::IsInvalidArgument(status));
  CHECK(status.message().size() < 100);
  CHECK(builder.bound_columns() == 1);
}

TEST_CASE("A refused row tells no more of the table than a name's length") {
  std::string name(kColumnNameBytesMax - 1, 'x');
  name += "é";  // its first byte would fit
  Column mood = TestColumn(name, ColumnType::kInt64);
  for (int i = 0; i < 1000; ++i) mood.native_type += "'ümlaut',";
  const TableSchema schema = TestTable({mood});
  const BuiltRows built = BuildRows(schema, {{{"id", I(1)}, {name, T("no")}}});
  REQUIRE(built.rejected.size() == 1);
  CHECK(built.rejected[0].field == name.substr(0, kColumnNameBytesMax - 1));
  CHECK(built.rejected[0].detail.size() < 100);
  CHECK(InspectUtf8(built.rejected[0].detail).valid);
}

TEST_CASE("Rows that are checked again keep the numbers of their request") {
  const TableSchema wide = TextTable();
  const BuiltRows first = BuildRows(wide, {{{"id", T("x")}},
                                           {{"id", I(1)}, {"n", I(100)}},
                                           {{"id", I(2)}, {"n", I(1)}},
                                           {{"id", I(3)}, {"n", I(2)}}});
  Column narrow = TestColumn("n", ColumnType::kInt64);
  narrow.max = 9;
  const TableSchema schema = TestTable({narrow});
  RowBlockBuilder builder;
  builder.StartFrom(schema, *first.block);
  for (int64_t id = 1; id <= 3; ++id) {
    builder.Append(*builder.BindColumn("id", 10), I(id));
    builder.Append(*builder.BindColumn("n", 10), I(id == 1 ? 100 : id - 1));
    builder.EndRow();
  }
  const BuiltRows again = builder.Finish();
  CHECK(DumpRejections(again.rejected) == Strings{"1 n out_of_range"});
  REQUIRE(again.block.has_value());
  CHECK(again.block->source_row(0) == 2);
  CHECK(again.block->source_row(1) == 3);
}

TEST_CASE("Decimals that would make a block larger than it may be are refused instead") {
  const TableSchema schema = TestTable({TestColumn("m", ColumnType::kDecimal)});
  const uint64_t bytes_max = 4 << 20;
  RowBlockBuilder builder(bytes_max);
  builder.Start(schema);
  const uint32_t rows = 1'000;  // 131 MB of digits from 12 kB of request
  for (uint32_t row = 0; row < rows; ++row) {
    builder.Append(*builder.BindColumn("id", 10), I(row));
    builder.Append(*builder.BindColumn("m", 10), T("1e131071"));
    builder.EndRow();
  }
  const BuiltRows built = builder.Finish();
  REQUIRE(built.block.has_value());
  CHECK(built.block->rows() + built.rejected.size() == rows);
  CHECK(built.block->size_bytes() <= bytes_max + 4096);
  CHECK(built.rejected.back().reason == RejectReason::kTooLong);
  ColumnView m;
  REQUIRE(built.block->FindColumn(1, &m));
  CHECK(m.bytes(built.block->rows() - 1).size() == 131'072);
}

// A whole column in the form of AppendColumn, and cell by cell.
struct ColumnCase {
  Value::Kind kind = Value::Kind::kInt;
  std::vector<uint8_t> states;
  std::string fixed;
  std::string heap;
  std::string ends;

  void Add(const Value& value) {
    if (kind == Value::Kind::kText || kind == Value::Kind::kBytes) {
      heap += value.text;
      Put(static_cast<uint32_t>(heap.size()), &ends);
    } else if (kind == Value::Kind::kBool) {
      fixed.push_back(value.boolean ? 1 : 0);
    } else {
      Put(value.natural, &fixed);
    }
  }
  RowBlockBuilder::ColumnData data() const {
    return {kind, states, fixed.data(), heap, ends.data()};
  }

 private:
  template <typename U>
  static void Put(U value, std::string* out) {
    out->append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
};

// Random values: mostly good, so that the fast paths are taken, some at the edges.
Value RandomValue(Value::Kind kind, std::mt19937_64& random) {
  static const std::string kTexts[] = {
      "", "abc", "gr\xc3\xbcn", "\xc3", "\xbc", "long text here", std::string("a\0b", 3)};
  const int64_t numbers[] = {0, -1, 100, 128, INT64_MIN, 1'000'000};
  const bool edge = random() % 50 == 0;
  Value value;
  value.kind = kind;
  switch (kind) {
    case Value::Kind::kText:
    case Value::Kind::kBytes:
      value.text = kTexts[random() % (edge ? 7 : 3)];
      return value;
    case Value::Kind::kBool:
      return Value::Bool(random() % 2 == 0);
    case Value::Kind::kDouble:
      return Value::Double(edge ? 0.5 : static_cast<double>(random() % 100));
    default:
      value.integer = numbers[random() % (edge ? 6 : 3)];
      return value;
  }
}

TEST_CASE("A block is the same whether it came as rows or as columns") {
  std::mt19937_64 random(GENERATE(range(0U, 60U)));
  const Value::Kind kinds[] = {Value::Kind::kBool,   Value::Kind::kInt,       Value::Kind::kUint,
                               Value::Kind::kDouble, Value::Kind::kText,      Value::Kind::kBytes,
                               Value::Kind::kDate,   Value::Kind::kTimestamp, Value::Kind::kTime};
  const ColumnType types[] = {ColumnType::kBool,    ColumnType::kInt64,       ColumnType::kUint64,
                              ColumnType::kFloat64, ColumnType::kText,        ColumnType::kBytes,
                              ColumnType::kDate,    ColumnType::kTimestampTz, ColumnType::kTime};
  std::vector<Column> columns;
  for (size_t i = 0; i < std::size(types); ++i) {
    Column column = TestColumn(absl::StrCat("c", i), types[i]);
    column.nullable = random() % 3 != 0;
    column.has_default = random() % 2 == 0;
    column.max = random() % 2 == 0 ? 127 : INT64_MAX;
    column.chars_max = random() % 2 == 0 ? 5 : kNoLimit;
    column.takes_nul = random() % 2 == 0;
    column.fraction_digits = random() % 2 == 0 ? 6 : 0;
    column.generated = random() % 20 == 0;
    columns.push_back(column);
  }
  const TableSchema schema = TestTable(columns);

  const uint32_t rows = 1 + random() % 40;
  RowBlockBuilder by_columns;
  RowBlockBuilder by_rows;
  by_columns.Start(schema);
  by_rows.Start(schema);
  std::vector<std::vector<Value>> cells(rows);
  std::vector<std::string> names = {"id", "unknown"};
  for (const Column& column : columns) names.push_back(column.name);
  for (size_t i = 0; i < names.size(); ++i) {
    ColumnCase column;
    column.kind = i < 2 ? Value::Kind::kInt : kinds[i - 2];
    if (random() % 10 == 0) column.kind = kinds[random() % std::size(kinds)];
    const bool sparse = random() % 2 == 0 || i == 1;
    for (uint32_t row = 0; row < rows; ++row) {
      Value value = RandomValue(column.kind, random);
      column.Add(value);
      if (sparse) {
        const uint64_t dice = random() % 10;
        const auto state = dice == 0             ? CellState::kNull
                           : dice == 1 || i == 1 ? CellState::kAbsent
                                                 : CellState::kValue;
        column.states.push_back(static_cast<uint8_t>(state));
        if (state == CellState::kNull) value = Value::Null();
        if (state == CellState::kAbsent) value = Value();
      }
      cells[row].push_back(value);
    }
    by_columns.AppendColumn(*by_columns.BindColumn(names[i], 100), column.data(), rows);
    // Texts point into the static list, so the cells stay valid.
  }
  by_columns.EndRows(rows);
  for (const std::vector<Value>& row : cells) {
    for (size_t i = 0; i < row.size(); ++i)
      by_rows.Append(*by_rows.BindColumn(names[i], 100), row[i]);
    by_rows.EndRow();
  }

  const BuiltRows one = by_rows.Finish();
  const BuiltRows other = by_columns.Finish();
  CHECK(DumpRejections(one.rejected) == DumpRejections(other.rejected));
  REQUIRE(one.block.has_value() == other.block.has_value());
  if (!one.block.has_value()) return;
  CHECK(DumpBlock(schema, *one.block) == DumpBlock(schema, *other.block));
  // Byte for byte, padding included: a block's bytes are what a journal's checksum covers.
  REQUIRE(one.block->size_bytes() == other.block->size_bytes());
  CHECK(std::memcmp(one.block->buffer().data(), other.block->buffer().data(),
                    one.block->size_bytes()) == 0);
}

TEST_CASE("A text column whose whole is valid but whose cells are not is refused by cell") {
  const TableSchema schema = TextTable();
  RowBlockBuilder builder;
  builder.Start(schema);
  ColumnCase ids;
  ColumnCase texts;
  texts.kind = Value::Kind::kText;
  for (int64_t id = 0; id < 3; ++id) ids.Add(I(id));
  for (const char* text : {"ok", "\xc3", "\xbc"}) texts.Add(T(text));
  builder.AppendColumn(*builder.BindColumn("id", 9), ids.data(), 3);
  builder.AppendColumn(*builder.BindColumn("t", 9), texts.data(), 3);
  builder.EndRows(3);
  const BuiltRows built = builder.Finish();
  CHECK(DumpRejections(built.rejected) == Strings{"1 t bad_utf8", "2 t bad_utf8"});
  CHECK(DumpBlock(schema, *built.block) == Strings{"id=0 t='ok'"});
}

TEST_CASE("Whole columns of good integers and texts come out as they went in") {
  const TableSchema schema = TextTable();
  RowBlockBuilder builder;
  builder.Start(schema);
  ColumnCase ids;
  ColumnCase texts;
  texts.kind = Value::Kind::kText;
  for (int64_t id = 0; id < 3; ++id) ids.Add(I(id - 1));
  for (const char* text : {"gr\xc3\xbcn", "", "x"}) texts.Add(T(text));
  builder.AppendColumn(*builder.BindColumn("t", 9), texts.data(), 3);
  builder.AppendColumn(*builder.BindColumn("id", 9), ids.data(), 3);
  builder.EndRows(3);
  const BuiltRows built = builder.Finish();
  CHECK(built.rejected.empty());
  CHECK(DumpBlock(schema, *built.block) ==
        Strings{"id=-1 t='gr\\xc3\\xbcn'", "id=0 t=''", "id=1 t='x'"});
}

}  // namespace
}  // namespace batchsql
