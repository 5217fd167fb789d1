#include "executors/postgresql/copy_encoder.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/row_block_builder.h"
#include "executors/postgresql/native_types.h"

namespace batchsql::postgresql {
namespace {

using Bytes = std::string;

Bytes B(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

const Bytes kStreamHeader("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", 19);
const Bytes kStreamTrailer = B({0xff, 0xff});
const Bytes kNull = B({0xff, 0xff, 0xff, 0xff});

Column MakeColumn(ColumnType type, uint32_t oid) {
  Column column;
  column.name = "v";
  column.type = type;
  column.native_id = oid;
  return column;
}

Column MakeArray(ColumnType element, uint32_t oid) {
  Column column = MakeColumn(ColumnType::kArray, 0);
  column.element = element;
  column.element_native_id = oid;
  return column;
}

struct Encoded {
  Bytes stream;
  size_t pieces = 0;
};

// A plan of rows of one column, and the block that it is about.
struct OneColumn {
  RowBlock block;
  WritePlan plan;
};

std::unique_ptr<OneColumn> PlanOf(const Column& column, const std::vector<Value>& values) {
  const auto schema = std::make_shared<const TableSchema>(
      *TableSchema::Create({"", "t"}, {column}, {}, {}, WriteRule()));
  RowBlockBuilder builder;
  builder.Start(*schema);
  REQUIRE(builder.BindColumn("v", 1).ok());
  for (const Value& value : values) {
    builder.Append(0, value);
    builder.EndRow();
  }
  BuiltRows built = builder.Finish();
  REQUIRE(built.rejected.empty());
  auto one = std::make_unique<OneColumn>();
  one->block = *std::move(built.block);
  one->plan = PlanWrite(schema, {&one->block});
  REQUIRE(one->plan.groups.size() == 1);
  return one;
}

Encoded Encode(const Column& column, const std::vector<Value>& values, bool with_ordinal = false) {
  const auto one = PlanOf(column, values);
  const WritePlan& plan = one->plan;
  Encoded encoded;
  CopyEncoder encoder;
  REQUIRE(encoder.Encode(plan, plan.groups[0].columns, plan.groups[0].rows, with_ordinal,
                         [&](std::string_view piece) {
                           encoded.stream.append(piece);
                           ++encoded.pieces;
                           return true;
                         }));
  return encoded;
}

// The one cell of one row, length included.
Bytes Cell(const Column& column, const Value& value) {
  const Bytes stream = Encode(column, {value}).stream;
  const Bytes before = kStreamHeader + B({0, 1});
  REQUIRE(stream.substr(0, before.size()) == before);
  REQUIRE(stream.ends_with(kStreamTrailer));
  return stream.substr(before.size(), stream.size() - before.size() - kStreamTrailer.size());
}

TEST_CASE("COPY: integers of each width") {
  CHECK(Cell(MakeColumn(ColumnType::kInt64, kInt2Oid), Value::Int(-2)) ==
        B({0, 0, 0, 2, 0xff, 0xfe}));
  CHECK(Cell(MakeColumn(ColumnType::kInt64, kInt4Oid), Value::Int(258)) ==
        B({0, 0, 0, 4, 0, 0, 1, 2}));
  CHECK(Cell(MakeColumn(ColumnType::kInt64, kInt8Oid), Value::Int(1)) ==
        B({0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST_CASE("COPY: floats") {
  CHECK(Cell(MakeColumn(ColumnType::kFloat32, kFloat4Oid), Value::Double(1)) ==
        B({0, 0, 0, 4, 0x3f, 0x80, 0, 0}));
  CHECK(Cell(MakeColumn(ColumnType::kFloat64, kFloat8Oid), Value::Double(1)) ==
        B({0, 0, 0, 8, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("COPY: days and microseconds count from 2000") {
  CHECK(Cell(MakeColumn(ColumnType::kDate, kDateOid), Value::Date(10'957)) ==
        B({0, 0, 0, 4, 0, 0, 0, 0}));
  CHECK(Cell(MakeColumn(ColumnType::kTimestampTz, kTimestampTzOid),
             Value::Timestamp(946'684'800'000'001)) == B({0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST_CASE("COPY: text as it is, jsonb behind its version") {
  CHECK(Cell(MakeColumn(ColumnType::kText, kTextOid), Value::Text("ab")) ==
        B({0, 0, 0, 2, 'a', 'b'}));
  CHECK(Cell(MakeColumn(ColumnType::kText, kTextOid), Value::Text("")) == B({0, 0, 0, 0}));
  CHECK(Cell(MakeColumn(ColumnType::kJson, kJsonOid), Value::Text("1")) == B({0, 0, 0, 1, '1'}));
  CHECK(Cell(MakeColumn(ColumnType::kJson, kJsonbOid), Value::Text("1")) ==
        B({0, 0, 0, 2, 1, '1'}));
}

TEST_CASE("COPY: NULL has a length of -1") {
  CHECK(Cell(MakeColumn(ColumnType::kBool, kBoolOid), Value::Null()) == kNull);
}

TEST_CASE("COPY: an array tells its dimension, NULLs and element type") {
  const std::vector<Value> items = {Value::Int(7), Value::Null()};
  CHECK(Cell(MakeArray(ColumnType::kInt64, kInt2Oid), Value::List(items)) ==
        B({0, 0, 0, 30, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 21, 0, 0, 0, 2, 0, 0, 0, 1}) +
            B({0, 0, 0, 2, 0, 7}) + kNull);
  CHECK(Cell(MakeArray(ColumnType::kInt64, kInt2Oid), Value::List({})) ==
        B({0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 21}));
}

TEST_CASE("Arrays: a column's cells behind the array's type and length") {
  const auto one = PlanOf(MakeColumn(ColumnType::kText, kVarcharOid),
                          {Value::Text("ab"), Value::Null(), Value::Text("")});
  const WriteGroup& group = one->plan.groups[0];
  CopyEncoder encoder;
  const Bytes header = B({0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0x04, 0x13, 0, 0, 0, 3, 0, 0, 0, 1});
  const Bytes array = header + B({0, 0, 0, 2, 'a', 'b'}) + kNull + B({0, 0, 0, 0});
  CHECK(encoder.EncodeArrays(one->plan, group.columns, group.rows) ==
        std::vector<std::string_view>{array});
  // Nothing of the last call is left, and a column may be asked for twice.
  const std::vector<RowRange> first = {{0, 0, 1}};
  const Bytes short_array = B({0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x04, 0x13, 0, 0, 0, 1, 0, 0, 0, 1}) +
                            B({0, 0, 0, 2, 'a', 'b'});
  CHECK(encoder.EncodeArrays(one->plan, {{0, 0}}, first) ==
        std::vector<std::string_view>{short_array, short_array});
}

TEST_CASE("Arrays: cells larger than the buffer make it grow") {
  const std::string huge(5'000'000, 'x');
  const auto one = PlanOf(MakeColumn(ColumnType::kText, kTextOid),
                          {Value::Text("y"), Value::Text(huge), Value::Text("z")});
  CopyEncoder encoder;
  const auto arrays = encoder.EncodeArrays(one->plan, {{0, 0}}, one->plan.groups[0].rows);
  REQUIRE(arrays.size() == 2);
  CHECK(arrays[0].size() == 20 + 5 + 4 + huge.size() + 5);
  CHECK(arrays[0] == arrays[1]);
  CHECK(arrays[0].ends_with(std::string("xxx\0\0\0\1z", 8)));
}

TEST_CASE("COPY: the ordinal is a first column, counting from 1") {
  const Bytes stream =
      Encode(MakeColumn(ColumnType::kBool, kBoolOid), {Value::Bool(true), Value::Bool(false)}, true)
          .stream;
  CHECK(stream == kStreamHeader + B({0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1}) +
                      B({0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0}) +
                      kStreamTrailer);
}

TEST_CASE("COPY: cells larger than the buffer make it grow") {
  const std::string huge(5'000'000, 'x');
  const Bytes stream =
      Encode(MakeColumn(ColumnType::kText, kTextOid), {Value::Text(huge), Value::Text("y")}).stream;
  CHECK(stream.size() == kStreamHeader.size() + 6 + huge.size() + 7 + kStreamTrailer.size());
  CHECK(stream.ends_with(B({0, 1, 0, 0, 0, 1, 'y', 0xff, 0xff})));
}

TEST_CASE("COPY: an array of NULLs takes more room on the wire than in its cell") {
  const std::vector<Value> nulls(300'000, Value::Null());
  const Bytes cell = Cell(MakeArray(ColumnType::kText, kTextOid), Value::List(nulls));
  CHECK(cell.size() == 4 + 20 + nulls.size() * 4);
}

TEST_CASE("COPY: many rows go out in pieces") {
  const std::vector<Value> rows(100'000, Value::Int(1));
  const Encoded encoded = Encode(MakeColumn(ColumnType::kInt64, kInt8Oid), rows);
  CHECK(encoded.stream.size() == kStreamHeader.size() + rows.size() * 14 + kStreamTrailer.size());
  CHECK(encoded.pieces == encoded.stream.size() / CopyEncoder::kPieceBytes + 1);
}

TEST_CASE("COPY: a sink that has enough gets no more") {
  const auto schema = std::make_shared<const TableSchema>(*TableSchema::Create(
      {"", "t"}, {MakeColumn(ColumnType::kInt64, kInt8Oid)}, {}, {}, WriteRule()));
  RowBlockBuilder builder;
  builder.Start(*schema);
  REQUIRE(builder.BindColumn("v", 1).ok());
  for (int i = 0; i < 100'000; ++i) {
    builder.Append(0, Value::Int(i));
    builder.EndRow();
  }
  const BuiltRows built = builder.Finish();
  const WritePlan plan = PlanWrite(schema, {&*built.block});
  int pieces = 0;
  CopyEncoder encoder;
  CHECK_FALSE(encoder.Encode(plan, plan.groups[0].columns, plan.groups[0].rows, false,
                             [&](std::string_view) { return ++pieces < 2; }));
  CHECK(pieces == 2);
}

}  // namespace
}  // namespace batchsql::postgresql
