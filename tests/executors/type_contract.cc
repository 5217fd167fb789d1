#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/decimal.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

constexpr int64_t kInt64Min = std::numeric_limits<int64_t>::min();
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();
constexpr uint64_t kUint64Max = std::numeric_limits<uint64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// One value on its way from a client to a SELECT. The name is what RefusedEdges lists.
struct Edge {
  std::string name;
  Value value;
  std::string expected;  // as TestDatabase::Canonical gives it
};

// Owns the long texts that the edges point into.
const std::string kMebibyteText = [] {
  std::string text;
  while (text.size() < (1U << 20U)) text += "0123456789abcde\n";
  return text;
}();
const std::string kMebibyteBytes = [] {
  std::string bytes;
  for (uint32_t i = 0; i < (1U << 20U); ++i) bytes.push_back(static_cast<char>(i * 7 + i / 256));
  return bytes;
}();
const std::string kAllBytes = [] {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}();
const std::string kTextWithNul("a\0b", 3);

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

// Brings both sides of a comparison to one form, as TestDatabase::Canonical allows.
std::string Normal(ColumnType type, const std::string& text) {
  switch (type) {
    case ColumnType::kFloat32:
    case ColumnType::kFloat64: {
      const double value = std::strtod(text.c_str(), nullptr);
      return std::isnan(value) ? "nan" : absl::StrCat(absl::Hex(std::bit_cast<uint64_t>(value)));
    }
    case ColumnType::kDecimal: {
      std::string canonical;
      const RejectReason reason = CanonicalDecimal(text, 0, 0, &canonical);
      return reason == RejectReason::kNone ? canonical : text;
    }
    case ColumnType::kJson:
    case ColumnType::kArray: {
      std::string compact;
      bool quoted = false;
      for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
        if (quoted || !absl::ascii_isspace(static_cast<unsigned char>(text[i]))) {
          compact.push_back(text[i]);
        }
      }
      return compact;
    }
    default:
      return text;
  }
}

class TypeTest : public ContractTest {
 protected:
  // Writes each edge into a column of the type and reads it back. Those that RefusedEdges names
  // must be refused by validation, all others must come back as expected.
  void CheckEdges(ColumnType type, const std::vector<Edge>& edges) {
    if (!Sql(type).empty()) CheckEdges(type, Sql(type), edges);
  }

  void CheckEdges(ColumnType type, const std::string& sql, const std::vector<Edge>& edges) {
    const std::string table =
        NewTable(absl::StrCat("id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, v ", sql));
    const auto schema = Describe(table);
    const std::vector<const Edge*> kept = CheckRefused(*schema, edges);
    std::vector<Cells> rows;
    for (size_t i = 0; i < kept.size(); ++i) {
      rows.push_back({{"id", Value::Int(static_cast<int64_t>(i))}, {"v", kept[i]->value}});
    }
    MustWrite(schema, rows);
    CheckRead(type, table, kept);
    CheckDigest(*schema, rows);
  }

 private:
  // Returns the edges that validation took.
  std::vector<const Edge*> CheckRefused(const TableSchema& schema, const std::vector<Edge>& edges) {
    const std::set<std::string> refused = db().RefusedEdges();
    std::vector<const Edge*> kept;
    for (const Edge& edge : edges) {
      INFO(edge.name);
      const BuiltRows built = Build(schema, {{{"id", Value::Int(0)}, {"v", edge.value}}});
      CHECK(built.rejected.size() == refused.count(edge.name));
      if (built.rejected.empty()) kept.push_back(&edge);
    }
    return kept;
  }

  // An audit must see in the table what was sent.
  void CheckDigest(const TableSchema& schema, const std::vector<Cells>& rows) {
    const auto contents = executor().ReadContents(pipeline(), schema, /*digest=*/true);
    INFO(contents.status().ToString());
    REQUIRE(contents.ok());
    CHECK(contents->rows == rows.size());
    CHECK(contents->digest == RowDigester(schema).OfBlock(Block(schema, rows)));
  }

  void CheckRead(ColumnType type, const std::string& table, const std::vector<const Edge*>& kept) {
    const auto rows = db().Query(
        absl::StrCat("SELECT ", db().Canonical(type, "v"), " FROM ", table, " ORDER BY id"));
    REQUIRE(rows.size() == kept.size());
    for (size_t i = 0; i < kept.size(); ++i) {
      INFO(kept[i]->name);
      REQUIRE(rows[i].at(0).has_value());
      const std::string read = Normal(type, *rows[i][0]);
      const std::string expected = Normal(type, kept[i]->expected);
      if (expected.size() > 1'000) {
        CHECK((read == expected));  // too long to be shown
      } else {
        CHECK(read == expected);
      }
    }
  }
};

TEST_CASE_METHOD(TypeTest, "Booleans", "[types]") {
  CheckEdges(ColumnType::kBool, {{"bool true", Value::Bool(true), "1"},
                                 {"bool false", Value::Bool(false), "0"},
                                 {"bool text", Value::Text("true"), "1"}});
}

TEST_CASE_METHOD(TypeTest, "Signed integers", "[types]") {
  CheckEdges(ColumnType::kInt64,
             {{"int64 0", Value::Int(0), "0"},
              {"int64 -1", Value::Int(-1), "-1"},
              {"int64 min", Value::Int(kInt64Min), "-9223372036854775808"},
              {"int64 max", Value::Int(kInt64Max), "9223372036854775807"},
              {"int64 2^53+1", Value::Int(9007199254740993), "9007199254740993"},
              {"int64 from unsigned", Value::Uint(kInt64Max), "9223372036854775807"},
              {"int64 from text", Value::Text("-9223372036854775808"), "-9223372036854775808"},
              {"int64 from 1e3", Value::Number("1e3"), "1000"}});
}

TEST_CASE_METHOD(TypeTest, "Unsigned integers", "[types]") {
  CheckEdges(ColumnType::kUint64,
             {{"uint64 0", Value::Uint(0), "0"},
              {"uint64 2^63", Value::Uint(uint64_t{1} << 63U), "9223372036854775808"},
              {"uint64 max", Value::Uint(kUint64Max), "18446744073709551615"},
              {"uint64 from text", Value::Text("18446744073709551615"), "18446744073709551615"}});
}

TEST_CASE_METHOD(TypeTest, "What no integer column takes is refused", "[types]") {
  const auto schema = Describe(NewTableAB());
  const BuiltRows built = Build(*schema, {{{"id", Value::Int(1)}, {"a", Value::Uint(kUint64Max)}},
                                          {{"id", Value::Int(2)}, {"a", Value::Double(1.5)}},
                                          {{"id", Value::Int(3)}, {"a", Value::Double(kNan)}},
                                          {{"id", Value::Int(4)}, {"a", Value::Text("")}},
                                          {{"id", Value::Int(5)}, {"a", Value::Bytes("1")}},
                                          {{"id", Value::Null()}, {"a", Value::Int(1)}}});
  CHECK(built.rejected.size() == 6);
}

TEST_CASE_METHOD(TypeTest, "Doubles", "[types]") {
  CheckEdges(
      ColumnType::kFloat64,
      {{"float64 0", Value::Double(0), "0"},
       {"float64 -0", Value::Double(-0.0), "-0.0"},
       {"float64 0.1", Value::Double(0.1), "0.1"},
       {"float64 1/3", Value::Double(1.0 / 3), "0.33333333333333331"},
       {"float64 integral", Value::Double(1e15), "1e15"},
       {"float64 -1", Value::Double(-1), "-1"},
       {"float64 2^63", Value::Double(0x1p63), "9223372036854775808"},
       {"float64 max", Value::Double(std::numeric_limits<double>::max()), "1.7976931348623157e308"},
       {"float64 lowest", Value::Double(std::numeric_limits<double>::lowest()),
        "-1.7976931348623157e308"},
       {"float64 min", Value::Double(std::numeric_limits<double>::min()),
        "2.2250738585072014e-308"},
       {"float64 denormal", Value::Double(std::numeric_limits<double>::denorm_min()), "5e-324"},
       {"float64 nan", Value::Double(kNan), "nan"},
       {"float64 inf", Value::Double(kInfinity), "inf"},
       {"float64 -inf", Value::Double(-kInfinity), "-inf"}});
}

TEST_CASE_METHOD(TypeTest, "Floats", "[types]") {
  constexpr double kMax = std::numeric_limits<float>::max();
  CheckEdges(
      ColumnType::kFloat32,
      {{"float32 0.5", Value::Double(0.5), "0.5"},
       {"float32 0.1f", Value::Double(double{0.1F}), "0.10000000149011612"},
       {"float32 2^24-1", Value::Double(16777215), "16777215"},
       {"float32 max", Value::Double(kMax), "3.4028234663852886e38"},
       {"float32 -max", Value::Double(-kMax), "-3.4028234663852886e38"},
       {"float32 min", Value::Double(std::numeric_limits<float>::min()), "1.1754943508222875e-38"},
       {"float32 -0", Value::Double(-0.0), "-0.0"},
       {"float32 nan", Value::Double(kNan), "nan"},
       {"float32 inf", Value::Double(kInfinity), "inf"}});
}

TEST_CASE_METHOD(TypeTest, "Decimals", "[types]") {
  const std::string digits38 = "1234567890123456789012345678.0123456789";
  const std::string nines38 = "-9999999999999999999999999999.9999999999";
  CheckEdges(ColumnType::kDecimal,
             {{"decimal 0", Value::Number("0"), "0"},
              {"decimal -0.0", Value::Number("-0.0"), "0"},
              {"decimal 1.50", Value::Text("1.50"), "1.5"},
              {"decimal 1e-10", Value::Number("1e-10"), "0.0000000001"},
              {"decimal 38 digits", Value::Text(digits38), digits38},
              {"decimal -38 nines", Value::Text(nines38), nines38},
              {"decimal uint64 max", Value::Uint(kUint64Max), "18446744073709551615"},
              {"decimal int64 min", Value::Int(kInt64Min), "-9223372036854775808"},
              {"decimal from 0.1", Value::Double(0.1), "0.1"}});
}

TEST_CASE_METHOD(TypeTest, "Text", "[types]") {
  CheckEdges(ColumnType::kText,
             {{"text empty", Value::Text(""), ""},
              {"text blank", Value::Text("  x  "), "  x  "},
              {"text digits", Value::Text("00123"), "00123"},
              {"text like a float", Value::Text("1e5"), "1e5"},
              {"text NULL", Value::Text("NULL"), "NULL"},
              {"text \\N", Value::Text("\\N"), "\\N"},
              {"text quotes", Value::Text("it's \"x\" `y` \\ %"), "it's \"x\" `y` \\ %"},
              {"text controls", Value::Text("\t\r\n\x01\x7f"), "\t\r\n\x01\x7f"},
              {"text 2 bytes", Value::Text("gr\xc3\xb6\xc3\x9f"), "gr\xc3\xb6\xc3\x9f"},
              {"text 4 bytes", Value::Text("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"),
               "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"},
              {"text combining", Value::Text("e\xcc\x81"), "e\xcc\x81"},
              {"text 1 MiB", Value::Text(kMebibyteText), kMebibyteText}});
}

// Read back as bytes: not every driver's text holds a NUL.
TEST_CASE_METHOD(TypeTest, "Text with a NUL", "[types]") {
  const std::string table = NewTable(absl::StrCat(
      "id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, v ", Sql(ColumnType::kText)));
  const auto schema = Describe(table);
  const Cells cells = {{"id", Value::Int(1)}, {"v", Value::Text(kTextWithNul)}};
  if (db().RefusedEdges().count("text NUL") != 0) {
    CHECK(Build(*schema, {cells}).rejected.at(0).reason == RejectReason::kNulCharacter);
    return;
  }
  MustWrite(schema, {cells});
  CHECK(Rows(table, db().Canonical(ColumnType::kBytes, "v")) == std::vector<std::string>{"610062"});
}

TEST_CASE_METHOD(TypeTest, "Text that is not UTF-8 is refused", "[types]") {
  const auto schema = Describe(NewTable(absl::StrCat(
      "id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, v ", Sql(ColumnType::kText))));
  for (const char* text : {"\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"}) {
    const BuiltRows built = Build(*schema, {{{"id", Value::Int(1)}, {"v", Value::Text(text)}}});
    REQUIRE(built.rejected.size() == 1);
    CHECK(built.rejected[0].reason == RejectReason::kBadUtf8);
  }
}

TEST_CASE_METHOD(TypeTest, "Empty text, empty bytes and NULL stay apart", "[types]") {
  const std::string table =
      NewTable(absl::StrCat("id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, t ",
                            Sql(ColumnType::kText), ", y ", Sql(ColumnType::kBytes)));
  MustWrite(Describe(table),
            {{{"id", Value::Int(1)}, {"t", Value::Text("")}, {"y", Value::Bytes("")}},
             {{"id", Value::Int(2)}, {"t", Value::Null()}, {"y", Value::Null()}},
             {{"id", Value::Int(3)}, {"t", Value::Text("")}, {"y", Value::Null()}},
             {{"id", Value::Int(4)}, {"t", Value::Null()}, {"y", Value::Bytes("")}}});
  CHECK(Rows(table, absl::StrCat("t, ", db().Canonical(ColumnType::kBytes, "y"))) ==
        std::vector<std::string>{"|", "NULL|NULL", "|NULL", "NULL|"});
}

TEST_CASE_METHOD(TypeTest, "Bytes", "[types]") {
  CheckEdges(ColumnType::kBytes,
             {{"bytes empty", Value::Bytes(""), ""},
              {"bytes NUL", Value::Bytes(std::string_view("\0", 1)), "00"},
              {"bytes not UTF-8", Value::Bytes("\xff\xfe"), "fffe"},
              {"bytes all", Value::Bytes(kAllBytes), Hex(kAllBytes)},
              {"bytes 1 MiB", Value::Bytes(kMebibyteBytes), Hex(kMebibyteBytes)}});
}

TEST_CASE_METHOD(TypeTest, "Dates", "[types]") {
  CheckEdges(ColumnType::kDate, {{"date epoch", Value::Date(0), "1970-01-01"},
                                 {"date before 1970", Value::Date(-1), "1969-12-31"},
                                 {"date 1000", Value::Text("1000-01-01"), "1000-01-01"},
                                 {"date leap day", Value::Text("2024-02-29"), "2024-02-29"},
                                 {"date after 2038", Value::Text("2038-01-20"), "2038-01-20"},
                                 {"date 9999", Value::Text("9999-12-31"), "9999-12-31"}});
}

TEST_CASE_METHOD(TypeTest, "Times", "[types]") {
  CheckEdges(ColumnType::kTime, {{"time 0", Value::Time(0), "00:00:00.000000"},
                                 {"time 1 us", Value::Time(1), "00:00:00.000001"},
                                 {"time noon", Value::Text("12:00"), "12:00:00.000000"},
                                 {"time last", Value::Text("23:59:59.999999"), "23:59:59.999999"}});
}

TEST_CASE_METHOD(TypeTest, "Timestamps without zone", "[types]") {
  CheckEdges(
      ColumnType::kTimestamp,
      {{"timestamp epoch", Value::Timestamp(0), "1970-01-01 00:00:00.000000"},
       {"timestamp before 1970", Value::Timestamp(-1), "1969-12-31 23:59:59.999999"},
       {"timestamp 1000", Value::Text("1000-01-01 00:00:00"), "1000-01-01 00:00:00.000000"},
       {"timestamp us", Value::Text("2024-02-29T23:59:59.123456"), "2024-02-29 23:59:59.123456"},
       {"timestamp in the hour that summer time skips", Value::Text("2024-03-31 02:30:00"),
        "2024-03-31 02:30:00.000000"},
       {"timestamp after 2038", Value::Text("2038-01-19 03:14:08"), "2038-01-19 03:14:08.000000"},
       {"timestamp 9999", Value::Text("9999-12-31 23:59:59.999999"),
        "9999-12-31 23:59:59.999999"}});
}

TEST_CASE_METHOD(TypeTest, "Timestamps with zone are the same instant", "[types]") {
  CheckEdges(
      ColumnType::kTimestampTz,
      {{"timestamptz 1 s", Value::Timestamp(1'000'000), "1970-01-01 00:00:01.000000"},
       {"timestamptz before 1970", Value::Timestamp(-1), "1969-12-31 23:59:59.999999"},
       {"timestamptz Z", Value::Text("2024-02-29T23:59:59.123456Z"), "2024-02-29 23:59:59.123456"},
       {"timestamptz east", Value::Text("2024-07-01T01:00:00+02:00"), "2024-06-30 23:00:00.000000"},
       {"timestamptz west", Value::Text("2024-07-01T23:30:00.5-0330"),
        "2024-07-02 03:00:00.500000"},
       {"timestamptz summer time twice", Value::Text("2024-10-27T01:30:00Z"),
        "2024-10-27 01:30:00.000000"},
       {"timestamptz 2038", Value::Text("2038-01-19T03:14:07Z"), "2038-01-19 03:14:07.000000"},
       {"timestamptz after 2038", Value::Text("2038-01-20T00:00:00Z"),
        "2038-01-20 00:00:00.000000"},
       {"timestamptz 9999", Value::Text("9999-12-31T23:59:59.999999Z"),
        "9999-12-31 23:59:59.999999"}});
}

TEST_CASE_METHOD(TypeTest, "Dates and times that do not exist are refused", "[types]") {
  for (const ColumnType type : {ColumnType::kDate, ColumnType::kTime, ColumnType::kTimestamp}) {
    const auto schema = Describe(NewTable(
        absl::StrCat("id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, v ", Sql(type))));
    for (const char* text : {"2023-02-29", "2024-13-01", "24:00:01", "12:60", "", "now",
                             "0000-00-00", "2024-02-30 00:00:00", "2024-02-28 25:00:00"}) {
      INFO(std::string(ColumnTypeName(type)) << " " << text);
      const BuiltRows built = Build(*schema, {{{"id", Value::Int(1)}, {"v", Value::Text(text)}}});
      CHECK(built.rejected.size() == 1);
    }
  }
}

TEST_CASE_METHOD(TypeTest, "UUIDs", "[types]") {
  const std::string text = "0123e567-e89b-12d3-a456-42661417400f";
  const std::string bytes = absl::HexStringToBytes("0123e567e89b12d3a45642661417400f");
  CheckEdges(ColumnType::kUuid,
             {{"uuid text", Value::Text("0123E567-E89B-12D3-A456-42661417400F"), text},
              {"uuid bytes", Value::Bytes(bytes), text},
              {"uuid nil", Value::Text("00000000-0000-0000-0000-000000000000"),
               "00000000-0000-0000-0000-000000000000"}});
}

TEST_CASE_METHOD(TypeTest, "JSON", "[types]") {
  CheckEdges(
      ColumnType::kJson,
      {{"json object", Value::Text(R"({"k": [1, 2.5, null, "x"]})"), R"({"k":[1,2.5,null,"x"]})"},
       {"json null", Value::Text("null"), "null"},
       {"json string", Value::Text(R"("it's")"), R"("it's")"},
       {"json number", Value::Text("12"), "12"},
       {"json 4 bytes", Value::Text("[\"\xf0\x9f\x98\x80\"]"), "[\"\xf0\x9f\x98\x80\"]"}});
}

TEST_CASE_METHOD(TypeTest, "Enums", "[types]") {
  CheckEdges(ColumnType::kEnum, {{"enum first", Value::Text("red"), "red"},
                                 {"enum not ASCII",
                                  Value::Text("gr\xc3\xb6\xc3\x9f"
                                              "er"),
                                  "gr\xc3\xb6\xc3\x9f"
                                  "er"}});
  if (Sql(ColumnType::kEnum).empty()) return;
  const auto schema = Describe(NewTable(absl::StrCat(
      "id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, v ", Sql(ColumnType::kEnum))));
  for (const char* text : {"", "Red", "blue", "1"}) {
    CHECK(Build(*schema, {{{"id", Value::Int(1)}, {"v", Value::Text(text)}}}).rejected.size() == 1);
  }
}

TEST_CASE_METHOD(TypeTest, "Arrays", "[types]") {
  const std::vector<Value> ints = {Value::Int(kInt64Min), Value::Null(), Value::Int(3)};
  const std::vector<Value> texts = {Value::Text(""), Value::Text("a,b"), Value::Null(),
                                    Value::Text("\xf0\x9f\x98\x80 {}")};
  const std::vector<Value> bools = {Value::Bool(true), Value::Bool(false)};
  const std::vector<Value> reals = {Value::Double(0.5), Value::Double(-2)};
  const auto check = [&](ColumnType element, const std::vector<Edge>& edges) {
    const std::string sql = db().ArraySql(element);
    if (!sql.empty()) CheckEdges(ColumnType::kArray, sql, edges);
  };
  check(ColumnType::kInt64, {{"array empty", Value::List({}), "[]"},
                             {"array ints", Value::List(ints), "[-9223372036854775808,null,3]"}});
  check(ColumnType::kText,
        {{"array texts", Value::List(texts), "[\"\",\"a,b\",null,\"\xf0\x9f\x98\x80 {}\"]"}});
  check(ColumnType::kBool, {{"array bools", Value::List(bools), "[true,false]"}});
  check(ColumnType::kFloat64, {{"array doubles", Value::List(reals), "[0.5,-2]"}});
}

}  // namespace
}  // namespace batchsql::contract
