#include "cli/column_form.h"

#include <catch2/catch.hpp>

#include "chunk_text.h"
#include "cli/array_text.h"
#include "cli/csv_reader.h"
#include "text_input.h"

namespace batchsql::cli {
namespace {

using Texts = std::vector<std::string>;

std::vector<Chunk> ReadCsv(std::string_view csv) {
  const TextInput text(csv);
  InputFile input = text.Open();
  CsvReader reader(input, {}, std::nullopt);
  absl::Status status;
  std::vector<Chunk> chunks = ReadAll(reader, &status);
  REQUIRE(status.ok());
  return chunks;
}

// The only chunk of a file as it is sent for a table of which `types` are known.
Texts Sent(std::string_view csv, const std::vector<std::pair<std::string, std::string>>& types) {
  std::vector<Chunk> chunks = ReadCsv(csv);
  ColumnPlan plan;
  for (const auto& [name, type] : types) plan[name] = CellKindOf(type);
  ApplyPlan(plan, &chunks.at(0).request);
  return ColumnTexts(chunks[0].request);
}

// The same for a table that does not exist.
Texts SentInferred(std::string_view csv) {
  std::vector<Chunk> chunks = ReadCsv(csv);
  const ColumnPlan plan = InferPlan(chunks, false);
  ApplyPlan(plan, &chunks.at(0).request);
  return ColumnTexts(chunks[0].request);
}

TEST_CASE("Columns of known types are sent typed") {
  CHECK(
      Sent("i,u,d,f,b\n-5,18446744073709551615,0.5,0.1,true\n,,,,\n",
           {{"i", "int64"}, {"u", "uint64"}, {"d", "float64"}, {"f", "float32"}, {"b", "bool"}}) ==
      Texts{"i:ints[-5|NULL]", "u:uints[18446744073709551615|NULL]", "d:doubles[0.5|NULL]",
            "f:doubles[0.1|NULL]", "b:bools[true|NULL]"});
  CHECK(Sent("d,t,s,z\n1970-01-02,00:00:01,1970-01-01 00:00:00.000001,1970-01-01T02:00:00+02:00\n",
             {{"d", "date"}, {"t", "time"}, {"s", "timestamp"}, {"z", "timestamptz"}}) ==
        Texts{"d:dates[1]", "t:times[1000000]", "s:timestamps[1]", "z:timestamps[0]"});
}

TEST_CASE("A float32 is the nearest float, not a rounded double") {
  std::vector<Chunk> chunks = ReadCsv("f\n0.1\n");
  ApplyPlan({{"f", CellKind::kFloat}}, &chunks[0].request);
  CHECK(chunks[0].request.columns().columns(0).doubles().values(0) == static_cast<double>(0.1F));
}

TEST_CASE("A column with a cell that does not parse is sent as text") {
  CHECK(Sent("i,j\n1,1\nx,2\n", {{"i", "int64"}, {"j", "int64"}}) ==
        Texts{"i:texts[1|x]", "j:ints[1|2]"});
  CHECK(Sent("i\n9223372036854775808\n", {{"i", "int64"}}) ==
        Texts{"i:texts[9223372036854775808]"});
  CHECK(Sent("d\n1e999\n", {{"d", "float64"}}) == Texts{"d:texts[1e999]"});
  CHECK(Sent("d\nNaN\n", {{"d", "float64"}}) == Texts{"d:texts[NaN]"});
  CHECK(Sent("d\n2023-02-29\n", {{"d", "date"}}) == Texts{"d:texts[2023-02-29]"});
}

TEST_CASE("Text, decimals, uuids, json and unknown columns stay text") {
  CHECK(Sent("a,b,c,e\n1,2,3,4\n", {{"a", "text"}, {"b", "decimal"}, {"c", "json"}}) ==
        Texts{"a:texts[1]", "b:texts[2]", "c:texts[3]", "e:texts[4]"});
}

std::string ArrayText(std::string_view text) {
  v1::ListValue list;
  if (!ParseArrayText(text, &list)) return "no array";
  std::string elements;
  for (const v1::Value& value : list.values()) {
    elements += value.has_null_value()   ? "<NULL>"
                : value.has_int_value()  ? absl::StrCat("<int ", value.int_value(), ">")
                : value.has_bool_value() ? "<bool>"
                                         : "<" + value.text_value() + ">";
  }
  return elements;
}

TEST_CASE("Arrays are read as PostgreSQL and as JSON write them") {
  CHECK(ArrayText("{}").empty());
  CHECK(ArrayText("{1, NULL,a b,\"NULL\",\"x,\\\"y\\\\\",\"\"}") ==
        "<1><NULL><a b><NULL><x,\"y\\><>");
  CHECK(ArrayText("[]").empty());
  CHECK(ArrayText("[1, null, \"a,\\n\", true, 0.12345678901234567890]") ==
        "<int 1><NULL><a,\n><bool><0.12345678901234567890>");
  for (const char* bad :
       {"", "1", "{", "{1", "{1,}", "{,1}", "{{1}}", "{\"a}", "{\"a\"b}", "[1", "[[1]]", "[{}]"}) {
    CHECK(ArrayText(bad) == "no array");
  }
  CHECK(Sent("a\n\"{1,2}\"\n\n[3]\n", {{"a", "array of int64"}}) ==
        Texts{"a:lists[list of 2|NULL|list of 1]"});
  CHECK(Sent("a\n{1}\nx\n", {{"a", "array of int64"}}) == Texts{"a:texts[{1}|x]"});
}

TEST_CASE("Kinds are inferred from the rows") {
  CHECK(SentInferred("a,b,c,d,e,f,g\n"
                     "1,1.5,true,1970-01-02,1970-01-01T00:00:01Z,x,\n"
                     "-2,3,false,1970-01-03,1970-01-02,1,\n"
                     ",,,,,,\n") == Texts{"a:ints[1|-2|NULL]", "b:doubles[1.5|3|NULL]",
                                          "c:bools[true|false|NULL]", "d:dates[1|2|NULL]",
                                          "e:timestamps[1000000|86400000000|NULL]",
                                          "f:texts[x|1|NULL]", "g:texts[NULL|NULL|NULL]"});
}

TEST_CASE("What a number would lose stays text") {
  CHECK(SentInferred("a,b,c,d,e\n007,+1,0.12345678901234567890,18446744073709551615,01.5\n") ==
        Texts{"a:texts[007]", "b:texts[+1]", "c:texts[0.12345678901234567890]",
              "d:texts[18446744073709551615]", "e:texts[01.5]"});
  CHECK(SentInferred("a\n9007199254740993\n0.5\n") == Texts{"a:texts[9007199254740993|0.5]"});
  CHECK(SentInferred("a\n-0\n") == Texts{"a:doubles[-0]"});
  CHECK(SentInferred("a\n\"\"\n1\n") == Texts{"a:texts[|1]"});
}

TEST_CASE("A number round-trips when its digits survive") {
  CHECK(RoundTrips("0.1", 0.1));
  CHECK(RoundTrips("5e-324", 5e-324));
  CHECK(RoundTrips("1.7976931348623157e308", 1.7976931348623157e308));
  CHECK(RoundTrips("100000000000000000000000", 1e23));
  CHECK_FALSE(RoundTrips("0.10000000000000001", 0.1));
  CHECK_FALSE(RoundTrips("123456789012345678", 123456789012345678.0));
}

}  // namespace
}  // namespace batchsql::cli
