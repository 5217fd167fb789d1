#include "cli/ndjson_reader.h"

#include <catch2/catch.hpp>

#include "chunk_text.h"
#include "cli/column_form.h"
#include "text_input.h"

namespace batchsql::cli {
namespace {

using Texts = std::vector<std::string>;

struct Result {
  std::vector<Chunk> chunks;
  absl::Status status;
};

Result Read(const TextInput& text, const ColumnPlan& plan = {}, const ChunkLimits& limits = {}) {
  InputFile input = text.Open();
  NdjsonReader reader(input, limits, plan);
  Result result;
  result.chunks = ReadAll(reader, &result.status);
  return result;
}

Texts Columns(std::string_view json, const ColumnPlan& plan = {}) {
  const Result result = Read(TextInput(json), plan);
  REQUIRE(result.status.ok());
  REQUIRE(result.chunks.size() == 1);
  REQUIRE(result.chunks[0].request.has_columns());
  return ColumnTexts(result.chunks[0].request);
}

std::string ErrorOf(std::string_view json, size_t rows_before = 0) {
  const TextInput text(json);
  const Result result = Read(text);
  REQUIRE(absl::IsInvalidArgument(result.status));
  size_t rows = 0;
  for (const Chunk& chunk : result.chunks) rows += chunk.rows;
  CHECK(rows == rows_before);
  return std::string(result.status.message()).substr(text.path().size() + 1);
}

TEST_CASE("NDJSON values become typed columns, integers exactly") {
  CHECK(Columns(
            R"({"a":9223372036854775807,"b":18446744073709551615,"c":0.5,"d":true,"e":"x\u00fc\n"})"
            "\n") == Texts{"a:ints[9223372036854775807]", "b:uints[18446744073709551615]",
                           "c:doubles[0.5]", "d:bools[true]", "e:texts[xü\n]"});
}

TEST_CASE("NDJSON numbers that no double holds are text") {
  CHECK(Columns(R"({"a":0.12345678901234567890,"b":123456789012345678901234567890,"c":1e999})") ==
        Texts{"a:texts[0.12345678901234567890]", "b:texts[123456789012345678901234567890]",
              "c:texts[1e999]"});
}

TEST_CASE("NDJSON missing keys are absent, null is NULL") {
  CHECK(Columns("{\"a\":1}\n{\"b\":2}\n\n{\"a\":null,\"b\":null}\n") ==
        Texts{"a:ints[1|~|NULL]", "b:ints[~|2|NULL]"});
  CHECK(Columns("{\"a\":null}\r\n{}") == Texts{"a:texts[NULL|~]"});
}

TEST_CASE("NDJSON integers and doubles of one key are doubles") {
  CHECK(Columns("{\"a\":1}\n{\"a\":2.5}\n{\"a\":3}\n") == Texts{"a:doubles[1|2.5|3]"});
  CHECK(Columns("{\"a\":1}\n{\"a\":18446744073709551615}\n{\"a\":3}\n") ==
        Texts{"a:uints[1|18446744073709551615|3]"});
}

TEST_CASE("NDJSON objects are text, arrays lists where the table has arrays") {
  const std::string json = R"({"a":[1,null,"x"],"b":{"k":[1, 2]},"c":[[1]]})"
                           "\n";
  CHECK(Columns(json) ==
        Texts{"a:texts[[1,null,\"x\"]]", "b:texts[{\"k\":[1, 2]}]", "c:texts[[[1]]]"});
  CHECK(Columns(json, {{"a", CellKind::kList}, {"c", CellKind::kList}}) ==
        Texts{"a:lists[list of 3]", "b:texts[{\"k\":[1, 2]}]", "c:texts[[[1]]]"});
}

TEST_CASE("NDJSON values for a json column are their own text") {
  const ColumnPlan plan = {{"a", CellKind::kJson}};
  CHECK(Columns("{\"a\":\"x\"}\n{\"a\":1.50}\n{\"a\":[1]}\n{\"a\":null}\n", plan) ==
        Texts{"a:texts[\"x\"|1.50|[1]|NULL]"});
}

TEST_CASE("NDJSON kinds that do not mix are sent as rows") {
  const Result result = Read(TextInput("{\"a\":1}\n{\"b\":2,\"a\":\"x\"}\n{}\n"));
  REQUIRE(result.status.ok());
  REQUIRE(result.chunks.size() == 1);
  const v1::Rows& rows = result.chunks[0].request.rows();
  REQUIRE(rows.columns_size() == 2);
  REQUIRE(rows.rows_size() == 3);
  CHECK(rows.rows(0).values(0).int_value() == 1);
  CHECK(rows.rows(0).values(1).kind_case() == v1::Value::KIND_NOT_SET);
  CHECK(rows.rows(1).values(0).text_value() == "x");
  CHECK(rows.rows(2).values_size() == 2);
  CHECK(Read(TextInput("{\"a\":-1}\n{\"a\":18446744073709551615}\n")).chunks[0].request.has_rows());
  CHECK(Read(TextInput("{\"a\":9007199254740993}\n{\"a\":0.5}\n")).chunks[0].request.has_rows());
}

TEST_CASE("NDJSON rows know their lines and chunks their limits") {
  const Result result = Read(TextInput("{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}\n"), {}, {2, 1 << 20});
  REQUIRE(result.chunks.size() == 2);
  CHECK(result.chunks[0].lines.At(1) == 3);
  CHECK(result.chunks[1].lines.At(0) == 4);
  CHECK(result.chunks[1].first_row == 3);
}

TEST_CASE("NDJSON files larger than the buffer are read whole") {
  std::string json;
  for (int row = 0; row < 30'000; ++row) {
    json += absl::StrCat("{\"id\":", row, ",\"text\":\"row number ", row, "\"}\n");
  }
  const Result result = Read(TextInput(json));
  REQUIRE(result.status.ok());
  REQUIRE(result.chunks.size() == 30);
  const Chunk& last = result.chunks.back();
  CHECK(CellText(last.request.columns().columns(1), 999) == "row number 29999");
  CHECK(last.lines.At(999) == 30'000);
  CHECK(last.file_offset == json.size());
}

TEST_CASE("NDJSON errors name the line, after the rows before it") {
  CHECK(ErrorOf("{\"a\":1}\n[1]\n{\"a\":2}\n", 1) == "2: a line must be a JSON object");
  CHECK(ErrorOf("{\"a\":1}\n{\"a\":1} {}\n", 1) == "2: more text after the row's object");
  CHECK(ErrorOf("{\"a\":1}\n{\"a\":1} x\n", 1).starts_with("2: malformed JSON"));
  CHECK(ErrorOf("{\"a\":1,\"a\":2}\n") == "1: the key \"a\" comes twice");
  CHECK(ErrorOf("{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":01}\n", 2).starts_with("3: malformed JSON"));
  CHECK(ErrorOf("{\"a\":{\"b\":}}\n").starts_with("1: malformed JSON"));
  CHECK(ErrorOf("{\"a\":\"\xff\"}\n").starts_with("1: malformed JSON"));
  CHECK(ErrorOf("{\"a\":tru}\n").starts_with("1: malformed JSON"));
}

TEST_CASE("NDJSON text is inferred to be dates, never numbers") {
  Result result = Read(TextInput("{\"a\":\"1970-01-02\",\"b\":\"12\",\"c\":1}\n{\"c\":null}\n"));
  ApplyPlan(InferPlan(result.chunks, true), &result.chunks.at(0).request);
  CHECK(ColumnTexts(result.chunks[0].request) ==
        Texts{"a:dates[1|~]", "b:texts[12|~]", "c:ints[1|NULL]"});
}

TEST_CASE("NDJSON integers of one chunk follow the doubles of another") {
  Result result = Read(TextInput("{\"a\":1}\n{\"a\":2.5}\n"), {}, {1, 1 << 20});
  REQUIRE(result.chunks.size() == 2);
  ApplyPlan(InferPlan(result.chunks, true), &result.chunks[0].request);
  CHECK(ColumnTexts(result.chunks[0].request) == Texts{"a:doubles[1]"});
}

}  // namespace
}  // namespace batchsql::cli
