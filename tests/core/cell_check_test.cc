#include "core/cell_check.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/strings.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

constexpr int64_t kInt64Min = std::numeric_limits<int64_t>::min();
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();
constexpr uint64_t kUint64Max = std::numeric_limits<uint64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What the column stores, as text, or the reason of the refusal.
std::string Check(const Column& column, const Value& value) {
  std::string scratch;
  const CheckedCell cell = CheckCell(column, value, &scratch);
  if (cell.reason != RejectReason::kNone) return std::string(RejectReasonName(cell.reason));
  if (IsVariable(column.type)) return std::string(cell.bytes);
  if (column.type == ColumnType::kUint64) return absl::StrCat(cell.fixed);
  return absl::StrCat(static_cast<int64_t>(cell.fixed));
}

std::string Check(ColumnType type, const Value& value) {
  return Check(TestColumn("c", type), value);
}

std::string CheckReal(const Column& column, const Value& value) {
  std::string scratch;
  const CheckedCell cell = CheckCell(column, value, &scratch);
  if (cell.reason != RejectReason::kNone) return std::string(RejectReasonName(cell.reason));
  char text[64];
  std::snprintf(text, sizeof(text), "%.17g", std::bit_cast<double>(cell.fixed));
  return text;
}

std::string CheckReal(ColumnType type, const Value& value) {
  return CheckReal(TestColumn("c", type), value);
}

// One value of every kind.
std::vector<Value> OneOfEachKind() {
  static const Value kElement = Value::Int(1);
  return {Value::Bool(true),
          Value::Int(1),
          Value::Uint(1),
          Value::Double(1),
          Value::Text("1"),
          Value::Number("1"),
          Value::Bytes("1"),
          Value::Timestamp(1),
          Value::Date(1),
          Value::Time(1),
          Value::List({&kElement, 1})};
}

struct TypeTakes {
  ColumnType type;
  std::string kinds;  // one letter for each of OneOfEachKind: + taken, - wrong type
};

TEST_CASE("Each type takes the kinds that it names and no other") {
  const auto [type, kinds] = GENERATE(values<TypeTakes>({
      {ColumnType::kBool, "+----------"},
      {ColumnType::kInt64, "++++++-----"},
      {ColumnType::kUint64, "++++++-----"},
      {ColumnType::kFloat32, "-+++++-----"},
      {ColumnType::kFloat64, "-+++++-----"},
      {ColumnType::kDecimal, "-+++++-----"},
      {ColumnType::kText, "----+------"},
      {ColumnType::kBytes, "------+----"},
      {ColumnType::kDate, "--------+--"},
      {ColumnType::kTime, "---------+-"},
      {ColumnType::kTimestamp, "-------+---"},
      {ColumnType::kTimestampTz, "-------+---"},
      {ColumnType::kUuid, "-----------"},
      {ColumnType::kJson, "++++++----+"},
      {ColumnType::kEnum, "----+------"},
      {ColumnType::kArray, "----------+"},
  }));
  Column column = TestColumn("c", type);
  column.labels = {"1"};
  column.element = ColumnType::kInt64;
  std::string taken;
  for (const Value& value : OneOfEachKind()) {
    std::string scratch;
    const RejectReason reason = CheckCell(column, value, &scratch).reason;
    CHECK((reason == RejectReason::kNone || reason == RejectReason::kWrongType));
    taken.push_back(reason == RejectReason::kNone ? '+' : '-');
  }
  INFO(ColumnTypeName(type));
  CHECK(taken == kinds);
}

TEST_CASE("An int64 column keeps its limits from every kind") {
  const ColumnType type = ColumnType::kInt64;
  CHECK(Check(type, Value::Int(kInt64Min)) == "-9223372036854775808");
  CHECK(Check(type, Value::Int(kInt64Max)) == "9223372036854775807");
  CHECK(Check(type, Value::Uint(uint64_t{1} << 63)) == "out_of_range");
  CHECK(Check(type, Value::Text("-9223372036854775808")) == "-9223372036854775808");
  CHECK(Check(type, Value::Text("9223372036854775808")) == "out_of_range");
  CHECK(Check(type, Value::Double(-0x1p63)) == "-9223372036854775808");
  CHECK(Check(type, Value::Double(0x1p63)) == "out_of_range");
  CHECK(Check(type, Value::Double(0x1p53)) == "9007199254740992");
  CHECK(Check(type, Value::Double(0.5)) == "inexact");
  CHECK(Check(type, Value::Double(std::nan(""))) == "out_of_range");
  CHECK(Check(type, Value::Double(-kInfinity)) == "out_of_range");

  Column narrow = TestColumn("c", type);
  narrow.min = -128;
  narrow.max = 127;
  CHECK(Check(narrow, Value::Int(-128)) == "-128");
  CHECK(Check(narrow, Value::Int(-129)) == "out_of_range");
  CHECK(Check(narrow, Value::Uint(128)) == "out_of_range");
  CHECK(Check(narrow, Value::Text("127")) == "127");
  CHECK(Check(narrow, Value::Number("1.28e2")) == "out_of_range");
}

TEST_CASE("Integers in text are strict, in JSON numbers they may have a point or an exponent") {
  const ColumnType type = ColumnType::kInt64;
  for (const char* text :
       {"", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "1_000", "--1", "-", "\u0661"}) {
    INFO(text);
    CHECK(Check(type, Value::Text(text)) == "wrong_type");
  }
  CHECK(Check(type, Value::Text("-0")) == "0");
  CHECK(Check(type, Value::Text("007")) == "7");
  CHECK(Check(type, Value::Text("99999999999999999999x")) == "wrong_type");
  CHECK(Check(type, Value::Number("1.0")) == "1");
  CHECK(Check(type, Value::Number("-1e3")) == "-1000");
  CHECK(Check(type, Value::Number("12.5e1")) == "125");
  CHECK(Check(type, Value::Number("1.5")) == "inexact");
  CHECK(Check(type, Value::Number("1e-1")) == "inexact");
  CHECK(Check(type, Value::Number("1e99999999999")) == "out_of_range");
  CHECK(Check(type, Value::Number("0e99999999999")) == "0");
  CHECK(Check(type, Value::Number("-9223372036854775808.0")) == "-9223372036854775808");
  CHECK(Check(type, Value::Number("9223372036854775808.0")) == "out_of_range");
  CHECK(Check(type, Value::Number("100000000000000000000e-5")) == "1000000000000000");
}

TEST_CASE("A uint64 column keeps its limits from every kind") {
  const ColumnType type = ColumnType::kUint64;
  CHECK(Check(type, Value::Uint(kUint64Max)) == "18446744073709551615");
  CHECK(Check(type, Value::Int(-1)) == "out_of_range");
  CHECK(Check(type, Value::Text("18446744073709551615")) == "18446744073709551615");
  CHECK(Check(type, Value::Text("18446744073709551616")) == "out_of_range");
  CHECK(Check(type, Value::Text("-1")) == "out_of_range");
  CHECK(Check(type, Value::Text("-0")) == "0");
  CHECK(Check(type, Value::Text("-")) == "wrong_type");
  CHECK(Check(type, Value::Text("-99999999999999999999")) == "out_of_range");
  CHECK(Check(type, Value::Number("-0.0")) == "0");
  CHECK(Check(type, Value::Number("-1.5")) == "inexact");
  CHECK(Check(type, Value::Number("18446744073709551615.0")) == "18446744073709551615");
  CHECK(Check(type, Value::Number("1.8446744073709551616e19")) == "out_of_range");
  CHECK(Check(type, Value::Double(0x1p64)) == "out_of_range");
  CHECK(Check(type, Value::Double(0x1.fffffffffffffp63)) == "18446744073709549568");
  CHECK(Check(type, Value::Double(-0.0)) == "0");
  Column narrow = TestColumn("c", type);
  narrow.unsigned_max = 255;
  CHECK(Check(narrow, Value::Uint(256)) == "out_of_range");
  CHECK(Check(narrow, Value::Int(255)) == "255");
}

TEST_CASE("Booleans are true and false, and nothing that looks like them") {
  const ColumnType type = ColumnType::kBool;
  CHECK(Check(type, Value::Text("true")) == "1");
  CHECK(Check(type, Value::Text("f")) == "0");
  for (const char* text : {"", "TRUE", "1", "yes", "true "}) {
    CHECK(Check(type, Value::Text(text)) == "wrong_type");
  }
  CHECK(Check(ColumnType::kInt64, Value::Bool(true)) == "1");
  CHECK(Check(ColumnType::kUint64, Value::Bool(false)) == "0");
}

TEST_CASE("Doubles take every double, and integers that are doubles") {
  const ColumnType type = ColumnType::kFloat64;
  CHECK(CheckReal(type, Value::Double(0.1)) == "0.10000000000000001");
  CHECK(CheckReal(type, Value::Double(5e-324)) == "4.9406564584124654e-324");
  CHECK(CheckReal(type, Value::Double(-0.0)) == "-0");
  CHECK(CheckReal(type, Value::Double(-kInfinity)) == "-inf");
  CHECK(CheckReal(type, Value::Int(int64_t{1} << 53)) == "9007199254740992");
  CHECK(CheckReal(type, Value::Int((int64_t{1} << 53) + 1)) == "inexact");
  CHECK(CheckReal(type, Value::Int((int64_t{1} << 53) + 2)) == "9007199254740994");
  CHECK(CheckReal(type, Value::Int(-(int64_t{1} << 53) - 1)) == "inexact");
  CHECK(CheckReal(type, Value::Int(kInt64Min)) == "-9.2233720368547758e+18");
  CHECK(CheckReal(type, Value::Int(kInt64Max)) == "inexact");
  CHECK(CheckReal(type, Value::Uint(kUint64Max)) == "inexact");
  CHECK(CheckReal(type, Value::Uint(uint64_t{1} << 63)) == "9.2233720368547758e+18");
  std::string scratch;
  const CheckedCell nan = CheckCell(TestColumn("c", type), Value::Double(std::nan("")), &scratch);
  CHECK(nan.reason == RejectReason::kNone);
  CHECK(std::isnan(std::bit_cast<double>(nan.fixed)));
}

TEST_CASE("Doubles in text are numbers, infinity or NaN, whole") {
  const ColumnType type = ColumnType::kFloat64;
  CHECK(CheckReal(type, Value::Text("-1.5e-3")) == "-0.0015");
  CHECK(CheckReal(type, Value::Text("-0")) == "-0");
  CHECK(CheckReal(type, Value::Text("1.7976931348623157e308")) == "1.7976931348623157e+308");
  CHECK(CheckReal(type, Value::Text("4.9406564584124654e-324")) == "4.9406564584124654e-324");
  CHECK(CheckReal(type, Value::Text("1e309")) == "out_of_range");
  CHECK(CheckReal(type, Value::Text("-1e309")) == "out_of_range");
  CHECK(CheckReal(type, Value::Text("1e-400")) == "inexact");
  CHECK(CheckReal(type, Value::Text("0e-400")) == "0");
  CHECK(CheckReal(type, Value::Text("Infinity")) == "inf");
  CHECK(CheckReal(type, Value::Text("-inf")) == "-inf");
  CHECK(CheckReal(type, Value::Text("NaN")) == "nan");
  for (const char* text : {"", " 1", "1 ", "1,5", "0x1p3", "nan(1)", "1e", "infinit", "1.5.2"}) {
    INFO(text);
    CHECK(CheckReal(type, Value::Text(text)) == "wrong_type");
  }
}

TEST_CASE("Single floats refuse what they would round, but for text") {
  const ColumnType type = ColumnType::kFloat32;
  CHECK(CheckReal(type, Value::Double(0.5)) == "0.5");
  CHECK(CheckReal(type, Value::Double(0.1)) == "inexact");
  CHECK(CheckReal(type, Value::Double(1e39)) == "out_of_range");
  CHECK(CheckReal(type, Value::Double(1e-46)) == "inexact");
  CHECK(CheckReal(type, Value::Int(1 << 24)) == "16777216");
  CHECK(CheckReal(type, Value::Int((1 << 24) + 1)) == "inexact");
  CHECK(CheckReal(type, Value::Text("0.1")) == "0.10000000149011612");
  CHECK(CheckReal(type, Value::Text("3.4028235e38")) == "3.4028234663852886e+38");
  CHECK(CheckReal(type, Value::Text("3.5e38")) == "out_of_range");
  CHECK(CheckReal(type, Value::Text("1e-46")) == "inexact");
  CHECK(CheckReal(type, Value::Double(kInfinity)) == "inf");
  CHECK(CheckReal(type, Value::Double(std::nan(""))) == "nan");
}

TEST_CASE("Floats that the database cannot keep are refused") {
  Column column = TestColumn("c", ColumnType::kFloat64);
  column.takes_nan = false;
  column.takes_infinity = false;
  column.takes_negative_zero = false;
  CHECK(CheckReal(column, Value::Double(std::nan(""))) == "out_of_range");
  CHECK(CheckReal(column, Value::Text("nan")) == "out_of_range");
  CHECK(CheckReal(column, Value::Double(kInfinity)) == "out_of_range");
  CHECK(CheckReal(column, Value::Text("-inf")) == "out_of_range");
  CHECK(CheckReal(column, Value::Double(-0.0)) == "inexact");
  CHECK(CheckReal(column, Value::Text("-0.0")) == "inexact");
  CHECK(CheckReal(column, Value::Double(0.0)) == "0");
}

TEST_CASE("A decimal column stores the canonical form of every kind of number") {
  Column column = TestColumn("c", ColumnType::kDecimal);
  column.precision = 10;
  column.scale = 2;
  CHECK(Check(column, Value::Text("+0012.50")) == "12.5");
  CHECK(Check(column, Value::Int(kInt64Min)) == "out_of_range");
  CHECK(Check(column, Value::Int(-42)) == "-42");
  CHECK(Check(column, Value::Uint(42)) == "42");
  CHECK(Check(column, Value::Double(0.25)) == "0.25");
  CHECK(Check(column, Value::Double(0.1)) == "0.1");
  CHECK(Check(column, Value::Double(0.125)) == "inexact");
  CHECK(Check(column, Value::Double(1e22)) == "out_of_range");
  CHECK(Check(column, Value::Double(kInfinity)) == "out_of_range");
  CHECK(Check(column, Value::Text("NaN")) == "NaN");
  CHECK(Check(column, Value::Double(std::nan(""))) == "NaN");
  column.takes_nan = false;
  CHECK(Check(column, Value::Text("NaN")) == "out_of_range");
  CHECK(Check(column, Value::Double(std::nan(""))) == "out_of_range");
  CHECK(Check(column, Value::Text("12,5")) == "wrong_type");
  Column unlimited = TestColumn("c", ColumnType::kDecimal);
  CHECK(Check(unlimited, Value::Double(1.7976931348623157e308)).size() == 309);
  CHECK(Check(unlimited, Value::Uint(kUint64Max)) == "18446744073709551615");
}

TEST_CASE("Text is UTF-8 within the column's characters and bytes") {
  Column column = TestColumn("c", ColumnType::kText);
  CHECK(Check(column, Value::Text("")) == "");
  CHECK(Check(column, Value::Text("\xff")) == "bad_utf8");
  CHECK(Check(column, Value::Text("\xed\xa0\x80")) == "bad_utf8");  // a surrogate
  CHECK(Check(column, Value::Text("\xc0\x80")) == "bad_utf8");      // overlong
  const std::string_view nul("a\0b", 3);
  CHECK(Check(column, Value::Text(nul)) == nul);
  column.takes_nul = false;
  CHECK(Check(column, Value::Text(nul)) == "nul_character");
  column.chars_max = 3;
  CHECK(Check(column, Value::Text("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80")).size() ==
        12);
  CHECK(Check(column, Value::Text("abcd")) == "too_long");
  column.bytes_max = 8;
  CHECK(Check(column, Value::Text("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80")) ==
        "too_long");
  CHECK(Check(column, Value::Text("\xf0\x9f\x98\x80\xf0\x9f\x98\x80")).size() == 8);
}

TEST_CASE("Bytes come as they are, or as hexadecimal or base64 text") {
  Column column = TestColumn("c", ColumnType::kBytes);
  const std::string_view raw("\0\xff\n", 3);
  CHECK(Check(column, Value::Bytes(raw)) == raw);
  CHECK(Check(column, Value::Text("\\x00fF0a")) == raw);
  CHECK(Check(column, Value::Text("\\x")) == "");
  CHECK(Check(column, Value::Text("\\x0")) == "wrong_type");
  CHECK(Check(column, Value::Text("\\x0g")) == "wrong_type");
  CHECK(Check(column, Value::Text("AP8K")) == raw);
  CHECK(Check(column, Value::Text("")) == "");
  CHECK(Check(column, Value::Text("AP8*")) == "wrong_type");
  column.bytes_max = 2;
  CHECK(Check(column, Value::Bytes(raw)) == "too_long");
  CHECK(Check(column, Value::Text("\\x00ff0a")) == "too_long");
}

TEST_CASE("Dates and times are parsed strictly and kept in range") {
  Column date = TestColumn("c", ColumnType::kDate);
  CHECK(Check(date, Value::Text("1969-12-31")) == "-1");
  CHECK(Check(date, Value::Text("2024-02-29")) == "19782");
  CHECK(Check(date, Value::Text("2023-02-29")) == "wrong_type");
  CHECK(Check(date, Value::Date(-1)) == "-1");
  date.min = 0;
  CHECK(Check(date, Value::Date(-1)) == "out_of_range");
  CHECK(Check(date, Value::Text("1969-12-31")) == "out_of_range");

  Column time = TestColumn("c", ColumnType::kTime);
  CHECK(Check(time, Value::Text("23:59:59.999999")) == "86399999999");
  CHECK(Check(time, Value::Text("24:00")) == "wrong_type");
  CHECK(Check(time, Value::Time(-5)) == "-5");
  time.fraction_digits = 3;
  CHECK(Check(time, Value::Text("00:00:00.001")) == "1000");
  CHECK(Check(time, Value::Text("00:00:00.0001")) == "inexact");
  CHECK(Check(time, Value::Time(-1500)) == "inexact");
  time.fraction_digits = 0;
  CHECK(Check(time, Value::Time(999'999)) == "inexact");
  CHECK(Check(time, Value::Time(2'000'000)) == "2000000");
}

TEST_CASE("Timestamps take offsets and keep the digits of a second") {
  const ColumnType type = GENERATE(ColumnType::kTimestamp, ColumnType::kTimestampTz);
  Column column = TestColumn("c", type);
  CHECK(Check(column, Value::Text("1970-01-01T00:00:00Z")) == "0");
  CHECK(Check(column, Value::Text("1970-01-01 02:00:00+02")) == "0");
  CHECK(Check(column, Value::Text("1969-12-31T23:59:59.999999")) == "-1");
  CHECK(Check(column, Value::Text("yesterday")) == "wrong_type");
  CHECK(Check(column, Value::Timestamp(-1)) == "-1");
  column.fraction_digits = 0;
  CHECK(Check(column, Value::Timestamp(-1)) == "inexact");
  CHECK(Check(column, Value::Text("1969-12-31T23:59:59.000")) == "-1000000");
  column.max = 0;
  CHECK(Check(column, Value::Timestamp(1'000'000)) == "out_of_range");
}

TEST_CASE("UUIDs come as 16 bytes or as hexadecimal, with all hyphens or none") {
  const ColumnType type = ColumnType::kUuid;
  const std::string_view raw("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
                             16);
  CHECK(Check(type, Value::Bytes(raw)) == raw);
  CHECK(Check(type, Value::Text("01234567-89AB-cdef-0123-456789abcdef")) == raw);
  CHECK(Check(type, Value::Text("0123456789abcdef0123456789abcdef")) == raw);
  for (const char* text :
       {"", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
        "01234567-89ab-cdef-0123-456789abcdeg", "01234567-89ab-cdef-01234-56789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef}", "0123456789abcdef0123456789abcdefabcd",
        "------------------------------------"}) {
    INFO(text);
    CHECK(Check(type, Value::Text(text)) == "wrong_type");
  }
  CHECK(Check(type, Value::Bytes(raw.substr(1))) == "wrong_type");
}

TEST_CASE("JSON is kept as it was written, and made of scalars") {
  Column column = TestColumn("c", ColumnType::kJson);
  CHECK(Check(column, Value::Text(" {\"a\": [1, 2.50]} ")) == " {\"a\": [1, 2.50]} ");
  CHECK(Check(column, Value::Text("{a: 1}")) == "wrong_type");
  CHECK(Check(column, Value::Text("")) == "wrong_type");
  CHECK(Check(column, Value::Text("\"\xff\"")) == "bad_utf8");
  CHECK(Check(column, Value::Text(std::string(64, '[') + std::string(64, ']'))).size() == 128);
  CHECK(Check(column, Value::Text(std::string(65, '[') + std::string(65, ']'))) == "wrong_type");
  CHECK(Check(column, Value::Bool(false)) == "false");
  CHECK(Check(column, Value::Int(kInt64Min)) == "-9223372036854775808");
  CHECK(Check(column, Value::Uint(kUint64Max)) == "18446744073709551615");
  CHECK(Check(column, Value::Double(0.1)) == "0.1");
  CHECK(Check(column, Value::Double(1e22)) == "1e+22");
  CHECK(Check(column, Value::Double(std::nan(""))) == "out_of_range");
  column.bytes_max = 3;
  CHECK(Check(column, Value::Text("[1]")) == "[1]");
  CHECK(Check(column, Value::Text("[12]")) == "too_long");
}

TEST_CASE("A list in a JSON column is a JSON array, and its texts are strings") {
  Column column = TestColumn("c", ColumnType::kJson);
  const auto check = [&](const std::vector<Value>& elements) {
    return Check(column, Value::List(elements));
  };
  CHECK(check({}) == "[]");
  CHECK(check({Value::Null(), Value::Bool(true), Value::Int(-1), Value::Uint(kUint64Max),
               Value::Double(0.5), Value::Number("1.50")}) ==
        "[null,true,-1,18446744073709551615,0.5,1.50]");
  CHECK(check({Value::Text("{}"), Value::Text("a\"\\\n\x01 \xc3\xbc")}) ==
        "[\"{}\",\"a\\\"\\\\\\n\\u0001 \xc3\xbc\"]");
  CHECK(check({Value::Text("\xff")}) == "bad_utf8");
  CHECK(check({Value::Double(kInfinity)}) == "out_of_range");
  CHECK(check({Value::Bytes("x")}) == "wrong_type");
  CHECK(check({Value::Date(1)}) == "wrong_type");
  CHECK(check({Value::List({})}) == "wrong_type");
  const std::string_view nul("\0", 1);
  CHECK(check({Value::Text(nul)}) == "[\"\\u0000\"]");
  column.takes_nul = false;
  CHECK(check({Value::Text(nul)}) == "nul_character");
  column.bytes_max = 3;
  CHECK(check({Value::Int(1)}) == "[1]");
  CHECK(check({Value::Int(12)}) == "too_long");
}

TEST_CASE("An enum takes its labels, letter for letter") {
  Column column = TestColumn("c", ColumnType::kEnum);
  column.labels = {"red", "gr\xc3\xbcn"};
  CHECK(Check(column, Value::Text("gr\xc3\xbcn")) == "gr\xc3\xbcn");
  CHECK(Check(column, Value::Text("Red")) == "out_of_range");
  CHECK(Check(column, Value::Text("")) == "out_of_range");
}

}  // namespace
}  // namespace batchsql
