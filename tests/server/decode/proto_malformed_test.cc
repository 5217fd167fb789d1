// Bytes that no client of ours sends.

#include <catch2/catch.hpp>

#include "server/decode/proto_columns.h"
#include "tests/server/decode/proto_requests.h"

namespace batchsql {
namespace {

std::string RandomRequest(std::mt19937& random, int rows) {
  v1::WriteRequest request;
  request.set_table("t");
  request.set_sequence(7);
  if (random() % 2 == 0) {
    *request.mutable_rows() = RandomRows(random, rows);
  } else {
    *request.mutable_columns() = RandomColumns(random, rows);
  }
  return request.SerializeAsString();
}

TEST_CASE("A request cut at any byte is refused, or read as the generated classes read it") {
  std::mt19937 random(GENERATE(range(0U, 4U)));
  const TableSchema schema = EveryTypeTable();
  const std::string whole = RandomRequest(random, 3);
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    const Decoded decoded = DecodeBytes(schema, cut);
    v1::WriteRequest message;
    if (!message.ParseFromString(cut)) {
      CHECK_FALSE(decoded.status.ok());
    } else if (decoded.status.ok()) {
      CHECK(decoded == DecodeMessage(schema, message));
    }
  }
}

TEST_CASE("Flipped bits never do more than refuse a request or change its cells") {
  std::mt19937 random(GENERATE(range(0U, 20U)));
  const TableSchema schema = EveryTypeTable();
  const std::string whole = RandomRequest(random, 4);
  int refused = 0;
  for (int i = 0; i < 1'000; ++i) {
    std::string bytes = whole;
    for (uint32_t flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
    }
    refused += DecodeBytes(schema, bytes).status.ok() ? 0 : 1;
  }
  CHECK(refused > 0);
  CHECK(refused < 1'000);
}

TEST_CASE("Every tag with every wire type in the place of a cell is survived") {
  const TableSchema schema = EveryTypeTable();
  v1::WriteRequest request;
  request.mutable_rows()->add_columns("id");
  request.mutable_rows()->add_rows()->add_values()->set_text_value(std::string(20, '\1'));
  const std::string whole = request.SerializeAsString();
  const size_t cell = whole.find(std::string("\x32\x14", 2));  // field 6 of Value, 20 bytes
  REQUIRE(cell != std::string::npos);
  for (int tag = 0; tag < 256; ++tag) {
    std::string bytes = whole;
    bytes[cell] = static_cast<char>(tag);
    const Decoded decoded = DecodeBytes(schema, bytes);
    v1::WriteRequest message;
    if (decoded.status.ok() && message.ParseFromString(bytes)) {
      CHECK(decoded == DecodeMessage(schema, message));
    }
  }
}

TEST_CASE("A known field of another wire type is passed over, as the generated classes do") {
  const TableSchema schema = EveryTypeTable();
  v1::WriteRequest request;
  request.mutable_rows()->add_columns("id");
  request.mutable_rows()->add_rows()->add_values()->set_int_value(3);
  // table as a varint, sequence as bytes, rows as fixed64, columns as fixed32.
  const std::string odd = std::string("\x08\x05", 2) + std::string("\x1a\x02xy", 4) +
                          std::string("\x29\x01\x02\x03\x04\x05\x06\x07\x08", 9) +
                          std::string("\x35zzzz", 5);
  const std::string bytes = request.SerializeAsString() + odd;
  v1::WriteRequest message;
  REQUIRE(message.ParseFromString(bytes));
  CHECK(DecodeBytes(schema, bytes) == DecodeMessage(schema, message));
}

TEST_CASE("Random bytes are survived") {
  std::mt19937 random(1);
  const TableSchema schema = EveryTypeTable();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 3 == 0 ? random() : random() % 80);
    static_cast<void>(DecodeBytes(schema, bytes));
  }
  SUCCEED();
}

TEST_CASE("Packed values in more than one piece are refused, not read in part") {
  const TableSchema schema = EveryTypeTable();
  const std::string one(8, '\1');
  // Column{name: "id", ints: Ints{values: [one], values: [one]}} for one row.
  const std::string ints = "\x0a\x08" + one + "\x0a\x08" + one;
  const std::string column = std::string("\x0a\x02id\x22") + static_cast<char>(ints.size()) + ints;
  const std::string columns =
      std::string("\x08\x01\x12") + static_cast<char>(column.size()) + column;
  RowBlockBuilder builder;
  builder.Start(schema);
  CHECK(ProtoColumns(columns, {}).Decode(builder).code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace batchsql
