#include "server/decode/json_rows.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/array_cell.h"
#include "core/limit_error.h"
#include "core/row_block.h"
#include "core/row_block_builder.h"
#include "core/table_schema.h"

namespace batchsql {
namespace {

Column MakeColumn(std::string name, ColumnType type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  column.nullable = true;
  return column;
}

TableSchema TestSchema() {
  Column array = MakeColumn("a", ColumnType::kArray);
  array.element = ColumnType::kInt64;
  auto schema = TableSchema::Create(
      {"", "t"},
      {MakeColumn("i", ColumnType::kInt64), MakeColumn("u", ColumnType::kUint64),
       MakeColumn("f", ColumnType::kFloat64), MakeColumn("d", ColumnType::kDecimal),
       MakeColumn("s", ColumnType::kText), MakeColumn("b", ColumnType::kBool),
       MakeColumn("j", ColumnType::kJson), array},
      {}, {}, WriteRule{});
  REQUIRE(schema.ok());
  return *std::move(schema);
}

// Decodes one body, and keeps what the results point into.
class Decoded {
 public:
  explicit Decoded(std::string body, JsonForm form = JsonForm::kDocument, RequestLimits limits = {})
      : schema_(TestSchema()) {
    builder_.Start(schema_);
    status = JsonRowSource(form, std::move(body), limits).Decode(builder_);
    if (status.ok()) built = builder_.Finish();
  }

  ColumnView Column(std::string_view name) const {
    ColumnView view;
    REQUIRE(built.block.has_value());
    const int index = schema_.FindColumn(name);
    REQUIRE(built.block->FindColumn(static_cast<uint16_t>(index), &view));
    return view;
  }

  absl::Status status;
  BuiltRows built;

 private:
  TableSchema schema_;
  RowBlockBuilder builder_;
};

TEST_CASE("JSON integers stay exact to 64 bits, signed and unsigned") {
  const Decoded decoded(R"([
      {"i": 9223372036854775807, "u": 18446744073709551615},
      {"i": -9223372036854775808, "u": 9007199254740993},
      {"i": 0, "u": 0}])");
  REQUIRE(decoded.status.ok());
  REQUIRE(decoded.built.rejected.empty());
  CHECK(decoded.Column("i").i64(0) == std::numeric_limits<int64_t>::max());
  CHECK(decoded.Column("i").i64(1) == std::numeric_limits<int64_t>::min());
  CHECK(decoded.Column("u").u64(0) == std::numeric_limits<uint64_t>::max());
  CHECK(decoded.Column("u").u64(1) == 9007199254740993);
  CHECK(decoded.Column("u").u64(2) == 0);
}

TEST_CASE("JSON numbers reach a decimal column digit by digit") {
  const Decoded decoded(R"([
      {"d": 12345678901234567890123456789012345678}, {"d": 0.1000000000000000055511151231},
      {"d": 1e5}, {"d": -2.5E-3 }, {"d":7}])");
  REQUIRE(decoded.status.ok());
  REQUIRE(decoded.built.rejected.empty());
  const ColumnView d = decoded.Column("d");
  CHECK(d.bytes(0) == "12345678901234567890123456789012345678");
  CHECK(d.bytes(1) == "0.1000000000000000055511151231");
  CHECK(d.bytes(2) == "100000");
  CHECK(d.bytes(3) == "-0.0025");
  CHECK(d.bytes(4) == "7");
}

TEST_CASE("JSON cells become text, booleans, NULL and absent cells") {
  const Decoded decoded(
      R"([{"s": "a\"\u00e9\ud83d\ude00\n", "b": true}, {"b": false, "s": null}, {"s": ""}])");
  REQUIRE(decoded.status.ok());
  REQUIRE(decoded.built.rejected.empty());
  const ColumnView s = decoded.Column("s");
  CHECK(s.bytes(0) == "a\"\xc3\xa9\xf0\x9f\x98\x80\n");
  CHECK(s.state(1) == CellState::kNull);
  CHECK(s.state(2) == CellState::kValue);
  CHECK(s.bytes(2).empty());
  const ColumnView b = decoded.Column("b");
  CHECK(b.u64(0) == 1);
  CHECK(b.u64(1) == 0);
  CHECK(b.state(2) == CellState::kAbsent);
}

TEST_CASE("A negative zero keeps its sign") {
  const Decoded decoded(R"([{"f": -0}, {"f": -0.0}, {"f": 0}])");
  REQUIRE(decoded.status.ok());
  const ColumnView f = decoded.Column("f");
  CHECK(std::signbit(f.f64(0)));
  CHECK(std::signbit(f.f64(1)));
  CHECK_FALSE(std::signbit(f.f64(2)));
}

TEST_CASE("JSON objects and arrays reach a JSON column as they were written") {
  const Decoded decoded(
      R"([{"j": {"k": [1, {"x": 1.10}] } , "i": 1}, {"j": [1,"two" , null]}, {"j": 1.50},
          {"j": true}, {"j": "{\"a\":1}"}, {"j": {} }, {"j":[]}])");
  REQUIRE(decoded.status.ok());
  REQUIRE(decoded.built.rejected.empty());
  const ColumnView j = decoded.Column("j");
  CHECK(j.bytes(0) == R"({"k": [1, {"x": 1.10}] })");
  CHECK(j.bytes(1) == R"([1,"two" , null])");
  CHECK(j.bytes(2) == "1.50");
  CHECK(j.bytes(3) == "true");
  CHECK(j.bytes(4) == R"({"a":1})");
  CHECK(j.bytes(5) == "{}");
  CHECK(j.bytes(6) == "[]");
}

TEST_CASE("JSON arrays of scalars reach an array column as lists") {
  const Decoded decoded(R"([{"a": [1, null, -3]}, {"a": []}, {"a": [[1]]}])");
  REQUIRE(decoded.status.ok());
  const ColumnView a = decoded.Column("a");
  ArrayReader reader(a.bytes(0), ColumnType::kInt64);
  REQUIRE(reader.count() == 3);
  REQUIRE(reader.Next());
  CHECK(reader.fixed() == 1);
  REQUIRE(reader.Next());
  CHECK(reader.is_null());
  REQUIRE(reader.Next());
  CHECK(static_cast<int64_t>(reader.fixed()) == -3);
  CHECK(ArrayReader(a.bytes(1), ColumnType::kInt64).count() == 0);
  REQUIRE(decoded.built.rejected.size() == 1);
  CHECK(decoded.built.rejected[0].row == 2);
  CHECK(decoded.built.rejected[0].reason == RejectReason::kWrongType);
}

TEST_CASE("A bad row is refused by its index and its neighbours are kept") {
  const Decoded decoded(
      R"([{"i": 1}, {"i": "x"}, {"nope": 1}, {"i": 9223372036854775808}, {"i": 5}])");
  REQUIRE(decoded.status.ok());
  REQUIRE(decoded.built.rejected.size() == 3);
  CHECK(decoded.built.rejected[0].row == 1);
  CHECK(decoded.built.rejected[0].reason == RejectReason::kWrongType);
  CHECK(decoded.built.rejected[1].row == 2);
  CHECK(decoded.built.rejected[1].field == "nope");
  CHECK(decoded.built.rejected[1].reason == RejectReason::kUnknownColumn);
  CHECK(decoded.built.rejected[2].row == 3);
  CHECK(decoded.built.rejected[2].reason == RejectReason::kOutOfRange);
  REQUIRE(decoded.built.block->rows() == 2);
  CHECK(decoded.Column("i").i64(1) == 5);
}

TEST_CASE("One object is one row, and an empty object a row of defaults") {
  CHECK(Decoded(R"( {"i": 3} )").Column("i").i64(0) == 3);
  const Decoded empty("{}");
  REQUIRE(empty.status.ok());
  CHECK(empty.built.block->rows() == 1);
}

TEST_CASE("Lines are rows, blank ones are not") {
  const Decoded decoded("{\"i\":1}\n\n  \r\n{\"i\":2}\r\n\t{\"i\":3}", JsonForm::kLines);
  REQUIRE(decoded.status.ok());
  REQUIRE(decoded.built.block->rows() == 3);
  CHECK(decoded.Column("i").i64(2) == 3);
}

TEST_CASE("Malformed bodies are refused as a whole") {
  const std::vector<std::string> documents = {
      "",
      "  \n",
      "[]",
      "[",
      "]",
      "{",
      "}",
      "null",
      "1",
      "\"x\"",
      "[1]",
      "[null]",
      "[[{}]]",
      R"([{"i":1}]x)",
      R"([{"i":1}]])",
      R"([{"i":1}] [{"i":1}])",
      R"({"i":1}{"i":2})",
      R"({"i":1},)",
      R"([{"i":1},])",
      R"([,{"i":1}])",
      R"([{"i":1} {"i":2}])",
      R"([{"i":1,}])",
      R"([{,"i":1}])",
      R"([{"i":}])",
      R"([{"i"}])",
      R"([{"i" 1}])",
      R"([{i:1}])",
      R"([{'i':1}])",
      R"([{"i":1 "u":2}])",
      R"([{"i":1)",
      R"([{"i":1})",
      R"({"i":[1})",
      R"({"i":[1}])",
      R"({"j":{"x":1])",
      R"({"j":{"x":1]})",
      R"({"j":[1 2]})",
      R"({"j":[1,]})",
      R"({"j":[,1]})",
      R"({"j":{"x":}})",
      R"({"j":{"x":1,}})",
      R"({"j":[}]})",
      R"({"j":[)",
      R"({"j":{)",
      R"({"i":01})",
      R"({"i":+1})",
      R"({"i":-})",
      R"({"i":1.})",
      R"({"i":.5})",
      R"({"i":1e})",
      R"({"i":1e+})",
      R"({"i":0x1})",
      R"({"i":1_0})",
      R"({"i":1a})",
      R"({"i":--1})",
      R"({"i":1.2.3})",
      R"({"f":NaN})",
      R"({"f":nan})",
      R"({"f":Infinity})",
      R"({"f":-Infinity})",
      R"({"f":inf})",
      R"({"b":True})",
      R"({"b":tru})",
      R"({"b":truex})",
      R"({"b":nul})",
      R"({"b":nullx})",
      R"({"b":undefined})",
      R"({"j":[NaN]})",
      R"({"j":{"x":01}})",
      R"({"j":{"x":nulL}})",
      R"({"s":"\x"})",
      R"({"s":"\u12"})",
      R"({"s":"\ud800"})",
      R"({"s":"\udc00"})",
      R"({"s":"\ud800\u0041"})",
      R"({"\x":1})",
      R"({"j":["\q"]})",
      R"({"s":"unclosed})",
      "{\"s\":\"tab\there\"}",
      "// c\n{\"i\":1}",
      "{\"i\":1} // c",
      "\xEF\xBB\xBF{\"i\":1}",
  };
  for (const std::string& body : documents) {
    CAPTURE(body);
    const Decoded decoded(body);
    CHECK(decoded.status.code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("A NUL byte in a body is refused") {
  for (const std::string& body : {std::string("{\"i\":1\0}", 8), std::string("{\"i\":1}\0", 8),
                                  std::string(1, '\0'), std::string("{\"s\":\"") + '\0' + "\"}"}) {
    CHECK(Decoded(body).status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(Decoded(body, JsonForm::kLines).status.code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Malformed lines are refused by their index") {
  const std::vector<std::string> seconds = {R"([{"i":2}])", "1",          R"({"i":2}{"i":3})",
                                            R"({"i":2},)",  R"({"i":2)",  R"({"i":)",
                                            R"({"i)",       "}",          "{",
                                            R"({"i":2} x)", R"({"j":[1)", R"({"i":2}])"};
  for (const std::string& second : seconds) {
    CAPTURE(second);
    const Decoded decoded("{\"i\":1}\n" + second + "\n{\"i\":3}\n", JsonForm::kLines);
    CHECK(decoded.status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(std::string(decoded.status.message()),
               Catch::StartsWith("row 1") || Catch::Contains("byte"));
  }
  CHECK(Decoded("\n \n", JsonForm::kLines).status.code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("Keys given twice are refused, however they are written") {
  for (const char* body :
       {R"([{"i":1,"i":2}])", R"([{"i":1,"\u0069":2}])", R"([{"n":1,"n":2}])",
        R"([{"j":{"x":1,"x":2}}])", R"([{"j":{"x":1,"\u0078":2}}])",
        R"([{"j":[{"x":{"y":1,"y":1}}]}])", R"([{"i":1},{"s":"","i":1,"i":1}])"}) {
    CAPTURE(body);
    const Decoded decoded(body);
    CHECK(decoded.status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(std::string(decoded.status.message()), Catch::Contains("twice"));
  }
  CHECK(Decoded(R"([{"i":1},{"i":2},{"j":{"x":1,"y":{"x":1}}}])").status.ok());
}

TEST_CASE("Bad UTF-8 is refused and its place is told") {
  const Decoded decoded("[{\"s\":\"ok\"},{\"s\":\"\xc3\x28\"}]");
  CHECK(decoded.status.code() == absl::StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(decoded.status.message()), Catch::Contains("UTF-8, from byte 18"));
  for (const char* bad : {"\xff", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    const std::string body = std::string("{\"s\":\"") + bad + "\"}";
    CHECK(Decoded(body).status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(Decoded(body, JsonForm::kLines).status.code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Errors tell the row and the place and never a value") {
  const Decoded decoded(R"([{"s":"secret-1"},{"s":"secret-2","i":1secret}])");
  const std::string message(decoded.status.message());
  CHECK_THAT(message, Catch::StartsWith("row 1, near byte "));
  CHECK_THAT(message, !Catch::Contains("secret"));
}

std::string Nested(size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

TEST_CASE("Nesting is limited") {
  // A document's array and its row are two brackets, a line's row is one.
  CHECK(Decoded("[{\"j\":" + Nested(62, '[', ']') + "}]").status.ok());
  CHECK(Decoded("{\"j\":" + Nested(63, '[', ']') + "}", JsonForm::kLines).status.ok());
  for (size_t depth : {size_t{63}, size_t{64}, size_t{1000}, size_t{100'000}}) {
    const Decoded decoded("[{\"j\":" + Nested(depth, '[', ']') + "}]");
    CHECK(decoded.status.code() == absl::StatusCode::kResourceExhausted);
    CHECK_THAT(std::string(decoded.status.message()),
               Catch::Contains("row 0") && Catch::Contains("limits.json_depth_max (64)"));
  }
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"j\":";
  CHECK_FALSE(Decoded(objects).status.ok());
  CHECK_FALSE(Decoded(std::string(1'000'000, '[')).status.ok());
  CHECK_FALSE(Decoded(std::string(1'000'000, '{')).status.ok());
}

TEST_CASE("Rows and columns are limited") {
  RequestLimits limits;
  limits.request_rows_max = 2;
  limits.columns_max = 3;
  CHECK(Decoded("[{},{}]", JsonForm::kDocument, limits).status.ok());
  const Decoded rows("[{},{},{}]", JsonForm::kDocument, limits);
  CHECK(rows.status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(IsLimitPassed(rows.status));
  CHECK_THAT(std::string(rows.status.message()), Catch::Contains("limits.request_rows_max (2)"));
  CHECK(Decoded("{}\n{}\n{}", JsonForm::kLines, limits).status.code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK(Decoded(R"({"i":1,"u":1,"f":1})", JsonForm::kDocument, limits).status.ok());
  CHECK_FALSE(Decoded(R"({"i":1,"u":1,"f":1,"d":1})", JsonForm::kDocument, limits).status.ok());
}

TEST_CASE("A key has at most 255 bytes") {
  for (const size_t bytes : {size_t{255}, size_t{256}}) {
    const std::string body = "{\"" + std::string(bytes, 'x') + "\":1}";
    const auto code = bytes == 255 ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument;
    CHECK(Decoded(body).status.code() == code);
    CHECK(JsonRowSource(JsonForm::kDocument, body, {}).InferColumns().status().code() == code);
  }
}

TEST_CASE("A body cut off anywhere is refused") {
  const std::string body =
      R"([{"i":-12,"s":"a\u00e9\"b","j":{"x":[1,null,{"y":true}]},"f":1.5e3},{"a":[1,2]}])";
  REQUIRE(Decoded(body).status.ok());
  for (size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(Decoded(body.substr(0, size)).status.ok());
  }
}

TEST_CASE("A body changed anywhere is decoded or refused, and never breaks the decoder") {
  const std::string body = R"([{"i":-12,"s":"a\u00e9","j":{"x":[1,null]},"f":1.5e3},{"a":[1,2]}])";
  for (size_t at = 0; at < body.size(); ++at) {
    for (const char byte : {'"', '\\', '[', ']', '{', '}', ',', ':', '0', 'e', ' ', '\n', '\xff'}) {
      std::string changed = body;
      changed[at] = byte;
      for (const JsonForm form : {JsonForm::kDocument, JsonForm::kLines}) {
        const Decoded decoded(changed, form);
        CHECK((decoded.status.ok() || decoded.status.code() == absl::StatusCode::kInvalidArgument));
      }
    }
  }
}

std::vector<NewColumn> Infer(std::string body, JsonForm form = JsonForm::kDocument) {
  auto columns = JsonRowSource(form, std::move(body), RequestLimits{}).InferColumns();
  REQUIRE(columns.ok());
  return *std::move(columns);
}

TEST_CASE("Columns are inferred in the order of their first appearance") {
  const auto columns = Infer(R"({"z":1,"a":"x"})"
                             "\n"
                             R"({"b":true,"z":2})",
                             JsonForm::kLines);
  REQUIRE(columns.size() == 3);
  CHECK(columns[0] == NewColumn{"z", ColumnType::kInt64});
  CHECK(columns[1] == NewColumn{"a", ColumnType::kText});
  CHECK(columns[2] == NewColumn{"b", ColumnType::kBool});
}

TEST_CASE("A column's type is inferred from all its values") {
  struct Case {
    std::vector<std::string> values;
    ColumnType type;
  };
  const std::vector<Case> cases = {
      {{"1", "-2", "null"}, ColumnType::kInt64},
      {{"1", "9223372036854775808"}, ColumnType::kUint64},
      {{"-1", "18446744073709551615"}, ColumnType::kInt64},
      {{"1", "18446744073709551616"}, ColumnType::kFloat64},
      {{"1", "2.5"}, ColumnType::kFloat64},
      {{"1e5"}, ColumnType::kFloat64},
      {{"true", "null"}, ColumnType::kBool},
      {{"true", "1"}, ColumnType::kBool},
      {{"null"}, ColumnType::kText},
      {{R"("x")", "1"}, ColumnType::kText},
      {{R"("2024-02-29T23:59:59Z")", R"("2024-02-29T23:59:59.123456+02:00")"},
       ColumnType::kTimestampTz},
      {{R"("2024-02-29 23:59:59-05:30")", "null"}, ColumnType::kTimestampTz},
      {{R"("2024-02-29T23:59:59Z")", R"("x")"}, ColumnType::kText},
      {{R"("2024-02-30T23:59:59Z")"}, ColumnType::kText},
      {{R"("2024-02-29")"}, ColumnType::kText},
      {{R"("2024-02-29T23:59:59")"}, ColumnType::kText},
      {{R"("")"}, ColumnType::kText},
      {{R"({"a":1})", "null", "[1]"}, ColumnType::kJson},
      {{R"({"a":1})", R"("x")"}, ColumnType::kText},
      {{R"({"a":1})", R"("2024-02-29T23:59:59Z")"}, ColumnType::kText},
      {{R"("2024-02-29T23:59:59Z")", "[1]"}, ColumnType::kText},
      {{R"("2024-02-29T23:59:59Z")", "1"}, ColumnType::kText},
      {{"1", R"("x")"}, ColumnType::kInt64},
      {{"true", "[1]"}, ColumnType::kJson},
      {{"[1]", "2.5"}, ColumnType::kJson},
  };
  for (const Case& c : cases) {
    std::string lines;
    for (const std::string& value : c.values) lines += "{\"c\":" + value + "}\n";
    CAPTURE(lines);
    const auto columns = Infer(lines, JsonForm::kLines);
    REQUIRE(columns.size() == 1);
    CHECK(columns[0].type == c.type);
  }
}

TEST_CASE("Inference refuses what decoding refuses") {
  RequestLimits limits;
  limits.columns_max = 2;
  const auto infer = [&](std::string body) {
    return JsonRowSource(JsonForm::kDocument, std::move(body), limits)
        .InferColumns()
        .status()
        .code();
  };
  CHECK(infer(R"([{"i":1,"i":2}])") == absl::StatusCode::kInvalidArgument);
  CHECK(infer(R"([{"i":NaN}])") == absl::StatusCode::kInvalidArgument);
  CHECK(infer("[]") == absl::StatusCode::kInvalidArgument);
  CHECK(infer(R"([{"a":1},{"b":2},{"c":3}])") == absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace batchsql
