#include <catch2/catch.hpp>

#include "server/decode/proto_columns.h"
#include "server/decode/proto_rows.h"
#include "server/decode/write_request.h"
#include "tests/server/decode/proto_requests.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Strings = std::vector<std::string>;
using absl::StatusCode;

std::string Request(const v1::Rows& rows) {
  v1::WriteRequest request;
  *request.mutable_rows() = rows;
  return request.SerializeAsString();
}

std::string Request(const v1::Columns& columns) {
  v1::WriteRequest request;
  *request.mutable_columns() = columns;
  return request.SerializeAsString();
}

StatusCode CodeOf(const std::string& request, const RequestLimits& limits = {}) {
  return DecodeBytes(EveryTypeTable(), request, limits).status.code();
}

TEST_CASE("Rows read in place are those that the generated classes read") {
  std::mt19937 random(GENERATE(range(0U, 100U)));
  const TableSchema schema = EveryTypeTable();
  v1::WriteRequest request;
  *request.mutable_rows() = RandomRows(random, 1 + static_cast<int>(random() % 20));
  const Decoded decoded = DecodeBytes(schema, request.SerializeAsString());
  const Decoded expected = DecodeMessage(schema, request);
  CHECK(decoded.status.ok());
  CHECK(decoded.rows == expected.rows);
  CHECK(decoded.rejected == expected.rejected);
}

TEST_CASE("Columns read in place are those that the generated classes read") {
  std::mt19937 random(GENERATE(range(0U, 100U)));
  const TableSchema schema = EveryTypeTable();
  v1::WriteRequest request;
  *request.mutable_columns() = RandomColumns(random, 1 + static_cast<int>(random() % 20));
  const Decoded decoded = DecodeBytes(schema, request.SerializeAsString());
  const Decoded expected = DecodeMessage(schema, request);
  CHECK(decoded.status.ok());
  CHECK(decoded.rows == expected.rows);
  CHECK(decoded.rejected == expected.rejected);
}

TEST_CASE("A request's own fields are read") {
  v1::WriteRequest message;
  message.set_table("s.t");
  message.set_producer_id("p");
  message.set_sequence(UINT64_MAX);
  message.set_ack(v1::ACK_LEVEL_MEMORY);
  const std::string bytes = message.SerializeAsString();
  const auto request = DecodeWriteRequest(bytes, {});
  REQUIRE(request.ok());
  CHECK(request->table == "s.t");
  CHECK(request->producer_id == "p");
  CHECK(request->sequence == UINT64_MAX);
  CHECK(request->ack == v1::ACK_LEVEL_MEMORY);
  CHECK(request->rows == nullptr);
}

TEST_CASE("Fields that are not known yet are passed over") {
  v1::Rows rows;
  rows.add_columns("id");
  rows.add_rows()->add_values()->set_int_value(7);
  std::string bytes = Request(rows);
  bytes +=
      "\x7a\x03"
      "abc";                            // field 15, bytes
  bytes += std::string("\x78\x05", 2);  // field 15, varint
  CHECK(DecodeBytes(EveryTypeTable(), bytes).rows == Strings{"id=7"});
}

TEST_CASE("Columns may be named behind the rows") {
  v1::Rows names;
  names.add_columns("id");
  v1::Rows rows;
  rows.add_rows()->add_values()->set_int_value(7);
  const std::string payload = rows.SerializeAsString() + names.SerializeAsString();
  RowBlockBuilder builder;
  const TableSchema schema = EveryTypeTable();
  builder.Start(schema);
  REQUIRE(ProtoRows(payload, {}).Decode(builder).ok());
  CHECK(DumpBlock(schema, *builder.Finish().block) == Strings{"id=7"});
}

TEST_CASE("Rows that do not have a value for each column are INVALID_ARGUMENT") {
  v1::Rows rows;
  CHECK(CodeOf(Request(rows)) == StatusCode::kInvalidArgument);  // no rows
  rows.add_columns("id");
  rows.add_columns("name");
  CHECK(CodeOf(Request(rows)) == StatusCode::kInvalidArgument);
  rows.add_rows()->add_values()->set_int_value(1);
  CHECK(CodeOf(Request(rows)) == StatusCode::kInvalidArgument);  // one too few
  rows.mutable_rows(0)->add_values()->set_text_value("x");
  CHECK(CodeOf(Request(rows)) == StatusCode::kOk);
  rows.mutable_rows(0)->add_values()->set_text_value("y");
  CHECK(CodeOf(Request(rows)) == StatusCode::kInvalidArgument);  // one too many
}

TEST_CASE("A column that is named twice is INVALID_ARGUMENT, in both forms") {
  v1::Rows rows;
  rows.add_columns("id");
  rows.add_columns("id");
  rows.add_rows()->add_values()->set_int_value(1);
  rows.mutable_rows(0)->add_values()->set_int_value(2);
  CHECK(CodeOf(Request(rows)) == StatusCode::kInvalidArgument);
  CHECK_FALSE(ProtoRows(rows.SerializeAsString(), {}).InferColumns().ok());
  v1::Columns columns;
  columns.set_row_count(1);
  for (int i = 0; i < 2; ++i) {
    columns.add_columns()->set_name("id");
    columns.mutable_columns(i)->mutable_ints()->add_values(1);
  }
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  CHECK_FALSE(ProtoColumns(columns.SerializeAsString(), {}).InferColumns().ok());
}

v1::Columns OneColumn(uint32_t rows) {
  v1::Columns columns;
  columns.set_row_count(rows);
  columns.add_columns()->set_name("id");
  return columns;
}

TEST_CASE("Columns whose parts do not count the rows are INVALID_ARGUMENT") {
  v1::Columns columns = OneColumn(2);
  v1::Column* const id = columns.mutable_columns(0);
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);  // no data
  id->mutable_ints()->add_values(1);
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  id->mutable_ints()->add_values(2);
  CHECK(CodeOf(Request(columns)) == StatusCode::kOk);
  id->set_presence("\2");
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  id->set_presence("\2\3");
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  id->set_presence("\2\xff");
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  id->set_presence("\2\1");
  CHECK(CodeOf(Request(columns)) == StatusCode::kOk);
  columns.set_row_count(0);
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  columns.set_row_count(2);
  columns.clear_columns();
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
}

TEST_CASE("Texts whose ends are not ascending within the data are INVALID_ARGUMENT") {
  for (const std::vector<uint32_t>& ends :
       std::vector<std::vector<uint32_t>>{{3}, {1, 2, 3}, {2, 1}, {1, 4}, {UINT32_MAX, 3}}) {
    v1::Columns columns = OneColumn(2);
    columns.mutable_columns(0)->set_name("name");
    v1::Blobs* const texts = columns.mutable_columns(0)->mutable_texts();
    texts->set_data("abc");
    for (uint32_t end : ends) texts->add_ends(end);
    CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Lists that do not count the rows, or hold lists, are INVALID_ARGUMENT") {
  v1::Columns columns = OneColumn(2);
  v1::Column* const tags = columns.mutable_columns(0);
  tags->set_name("tags");
  tags->mutable_lists()->add_values();
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  tags->mutable_lists()->add_values()->add_values()->set_text_value("x");
  CHECK(CodeOf(Request(columns)) == StatusCode::kOk);
  tags->mutable_lists()->add_values();
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
  tags->mutable_lists()->mutable_values()->RemoveLast();
  tags->mutable_lists()->mutable_values(1)->mutable_values(0)->mutable_list_value();
  CHECK(CodeOf(Request(columns)) == StatusCode::kInvalidArgument);
}

TEST_CASE("More rows or columns than the limits say are RESOURCE_EXHAUSTED") {
  RequestLimits limits;
  limits.request_rows_max = 2;
  limits.columns_max = 1;
  v1::Rows rows;
  rows.add_columns("id");
  for (int i = 0; i < 3; ++i) rows.add_rows()->add_values()->set_int_value(i);
  CHECK(CodeOf(Request(rows), limits) == StatusCode::kResourceExhausted);
  v1::Columns columns = OneColumn(3);
  for (int i = 0; i < 3; ++i) columns.mutable_columns(0)->mutable_ints()->add_values(i);
  CHECK(CodeOf(Request(columns), limits) == StatusCode::kResourceExhausted);
  limits.request_rows_max = 3;
  CHECK(CodeOf(Request(rows), limits) == StatusCode::kOk);
  CHECK(CodeOf(Request(columns), limits) == StatusCode::kOk);

  rows.add_columns("name");
  for (int i = 0; i < 3; ++i) rows.mutable_rows(i)->add_values();
  CHECK(CodeOf(Request(rows), limits) == StatusCode::kResourceExhausted);
  *columns.add_columns() = columns.columns(0);
  columns.mutable_columns(1)->set_name("natural");
  CHECK(CodeOf(Request(columns), limits) == StatusCode::kResourceExhausted);
}

TEST_CASE("Columns are inferred within the limits that decoding has") {
  RequestLimits limits;
  limits.columns_max = 2;
  v1::Rows rows;
  for (const char* name : {"a", "b", "c"}) rows.add_columns(name);
  rows.add_rows();
  for (int i = 0; i < 3; ++i) rows.mutable_rows(0)->add_values()->set_int_value(i);
  CHECK(ProtoRows(rows.SerializeAsString(), limits).InferColumns().status().code() ==
        StatusCode::kResourceExhausted);
  rows.mutable_columns()->RemoveLast();
  CHECK_FALSE(ProtoRows(rows.SerializeAsString(), limits).InferColumns().ok());  // too many values
  rows.mutable_rows(0)->mutable_values()->RemoveLast();
  CHECK(ProtoRows(rows.SerializeAsString(), limits).InferColumns().ok());
  v1::Columns columns;
  columns.set_row_count(1);
  for (const char* name : {"a", "b", "c"}) {
    columns.add_columns()->set_name(name);
    columns.mutable_columns()->rbegin()->mutable_ints()->add_values(1);
  }
  CHECK(ProtoColumns(columns.SerializeAsString(), limits).InferColumns().status().code() ==
        StatusCode::kResourceExhausted);
}

TEST_CASE("Types are inferred from the first values, integers give way to fractions") {
  v1::Rows rows;
  for (const char* name : {"i", "f", "null", "t", "u", "s", "l"}) rows.add_columns(name);
  const auto add = [&rows](auto set_first, bool fraction) {
    v1::Row* const row = rows.add_rows();
    set_first(row->add_values());
    if (fraction) {
      row->add_values()->set_double_value(0.5);
    } else {
      row->add_values()->set_int_value(1);
    }
    row->add_values()->set_null_value(true);
    row->add_values()->set_timestamp_us(1);
    row->add_values()->set_uint_value(1);
    row->add_values()->set_text_value("2024-02-29T23:59:59Z");
    row->add_values()->mutable_list_value();
  };
  add([](v1::Value* value) { value->set_null_value(true); }, false);
  add([](v1::Value* value) { value->set_int_value(1); }, true);
  const auto inferred = ProtoRows(rows.SerializeAsString(), {}).InferColumns();
  REQUIRE(inferred.ok());
  CHECK(*inferred == std::vector<NewColumn>{{"i", ColumnType::kInt64, false},
                                            {"f", ColumnType::kFloat64, false},
                                            {"null", ColumnType::kText, false},
                                            {"t", ColumnType::kTimestampTz, false},
                                            {"u", ColumnType::kUint64, false},
                                            {"s", ColumnType::kText, false},
                                            {"l", ColumnType::kJson, false}});
}

// Generated classes refuse these; a field's name is repeated in the answer, which must be a
// message.
TEST_CASE("Names that are not UTF-8 are INVALID_ARGUMENT") {
  v1::Rows rows;
  rows.add_columns("id");
  rows.add_columns("xyz");
  rows.add_rows()->add_values()->set_int_value(1);
  rows.mutable_rows(0)->add_values()->set_int_value(1);
  std::string bytes = Request(rows);
  bytes[bytes.find("xyz")] = '\xff';
  CHECK(CodeOf(bytes) == StatusCode::kInvalidArgument);

  v1::Columns columns = OneColumn(1);
  columns.mutable_columns(0)->set_name("xyz");
  columns.mutable_columns(0)->mutable_ints()->add_values(1);
  bytes = Request(columns);
  bytes[bytes.find("xyz")] = '\xff';
  CHECK(CodeOf(bytes) == StatusCode::kInvalidArgument);

  CHECK_FALSE(DecodeWriteRequest("\x0a\x01\xff", {}).ok());  // table
  CHECK_FALSE(DecodeWriteRequest("\x12\x01\xff", {}).ok());  // producer_id
}

TEST_CASE("A column's name has at most 255 bytes, in both forms, whatever the number of rows") {
  for (const size_t bytes : {size_t{255}, size_t{256}, size_t{1} << 20}) {
    const bool ok = bytes == 255;
    v1::Rows rows;
    rows.add_columns(std::string(bytes, 'x'));
    rows.add_rows()->add_values()->set_bool_value(true);
    CHECK((CodeOf(Request(rows)) == StatusCode::kOk) == ok);
    CHECK(ProtoRows(rows.SerializeAsString(), {}).InferColumns().ok() == ok);

    v1::Columns columns = OneColumn(1000);
    columns.mutable_columns(0)->set_name(rows.columns(0));
    for (int i = 0; i < 1000; ++i) columns.mutable_columns(0)->mutable_bools()->add_values(true);
    const Decoded decoded = DecodeBytes(EveryTypeTable(), Request(columns));
    CHECK(decoded.status.code() == (ok ? StatusCode::kOk : StatusCode::kInvalidArgument));
    CHECK(decoded.status.message().size() < 100);
    const auto inferred = ProtoColumns(columns.SerializeAsString(), {}).InferColumns();
    CHECK(inferred.status().code() == (ok ? StatusCode::kOk : StatusCode::kInvalidArgument));
  }
}

TEST_CASE("The message about a bad column does not repeat a long name") {
  v1::Columns columns = OneColumn(1);
  columns.mutable_columns(0)->set_name(std::string(1 << 20, 'x'));
  CHECK(DecodeBytes(EveryTypeTable(), Request(columns)).status.message().size() < 100);
}

TEST_CASE("A producer's id has at most 255 bytes") {
  v1::WriteRequest request;
  request.set_producer_id(std::string(255, 'p'));
  CHECK(DecodeWriteRequest(request.SerializeAsString(), {}).ok());
  request.set_producer_id(std::string(256, 'p'));
  CHECK(DecodeWriteRequest(request.SerializeAsString(), {}).status().code() ==
        StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace batchsql
