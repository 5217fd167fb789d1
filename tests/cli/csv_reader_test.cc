#include "cli/csv_reader.h"

#include <catch2/catch.hpp>

#include "chunk_text.h"
#include "text_input.h"

namespace batchsql::cli {
namespace {

using Texts = std::vector<std::string>;

struct Result {
  std::vector<Chunk> chunks;
  absl::Status status;
};

Result Read(const TextInput& text, const ChunkLimits& limits = {},
            std::optional<std::string> null_text = std::nullopt) {
  InputFile input = text.Open();
  CsvReader reader(input, limits, std::move(null_text));
  Result result;
  result.chunks = ReadAll(reader, &result.status);
  return result;
}

// The columns of a file that is one chunk.
Texts Columns(std::string_view csv, std::optional<std::string> null_text = std::nullopt) {
  const Result result = Read(TextInput(csv), {}, std::move(null_text));
  REQUIRE(result.status.ok());
  REQUIRE(result.chunks.size() == 1);
  return ColumnTexts(result.chunks[0].request);
}

std::string ErrorOf(std::string_view csv, size_t rows_before = 0) {
  const TextInput text(csv);
  const Result result = Read(text);
  REQUIRE(absl::IsInvalidArgument(result.status));
  size_t rows = 0;
  for (const Chunk& chunk : result.chunks) rows += chunk.rows;
  CHECK(rows == rows_before);
  const std::string message(result.status.message());
  REQUIRE(message.starts_with(text.path() + ":"));
  return message.substr(text.path().size() + 1);
}

TEST_CASE("CSV cells become columns of text") {
  CHECK(Columns("a,b\n1,x\n2,y\n") == Texts{"a:texts[1|2]", "b:texts[x|y]"});
  CHECK(Columns("a,b\n1,x\n2,y") == Texts{"a:texts[1|2]", "b:texts[x|y]"});
}

TEST_CASE("CSV quotes hold commas, quotes and line breaks") {
  CHECK(Columns("a,\"b,c\"\n\"x \"\"y\"\"\",\"1\n2\r\n3\"\n") ==
        Texts{"a:texts[x \"y\"]", "b,c:texts[1\n2\r\n3]"});
}

TEST_CASE("CSV takes CRLF, CR and a byte order mark") {
  CHECK(Columns("\xEF\xBB\xBF"
                "a,b\r\n1,2\r\n") == Texts{"a:texts[1]", "b:texts[2]"});
  CHECK(Columns("a,b\r1,2\r3,4") == Texts{"a:texts[1|3]", "b:texts[2|4]"});
}

TEST_CASE("CSV tells NULL from the empty string") {
  CHECK(Columns("a,b\n,\"\"\n\"\",x\n") == Texts{"a:texts[NULL|]", "b:texts[|x]"});
  CHECK(Columns("a,b\nNA,\n1,NA\n", "NA") == Texts{"a:texts[NULL|1]", "b:texts[|NULL]"});
}

TEST_CASE("CSV keeps white space around fields") {
  CHECK(Columns("a,b\n x ,\ty\n  ,z\n") == Texts{"a:texts[ x |  ]", "b:texts[\ty|z]"});
}

TEST_CASE("CSV blank lines are skipped, but of one column they are NULL") {
  CHECK(Columns("a,b\n\n1,2\n\n\n3,4\n") == Texts{"a:texts[1|3]", "b:texts[2|4]"});
  CHECK(Columns("a\r\n1\r\n\r\n2\r\n") == Texts{"a:texts[1|NULL|2]"});
}

TEST_CASE("CSV rows know the line where they begin") {
  const Result result =
      Read(TextInput("a,b\r\n1,\"x\ny\nz\"\r\n2,x\r\n\r\n3,x\r\n4,\"\n\"\r\n5,x\r\n"));
  REQUIRE(result.status.ok());
  const RowLines& lines = result.chunks.at(0).lines;
  const std::vector<uint64_t> found = {lines.At(0), lines.At(1), lines.At(2), lines.At(3),
                                       lines.At(4)};
  CHECK(found == std::vector<uint64_t>{2, 5, 7, 8, 10});
}

TEST_CASE("CSV chunks end at the rows' limit and at the bytes' limit") {
  std::string csv = "a\n";
  for (int row = 0; row < 25; ++row) csv += "1234567890\n";
  const TextInput text(csv);
  const Result by_rows = Read(text, {10, 1'000'000});
  REQUIRE(by_rows.chunks.size() == 3);
  CHECK(by_rows.chunks[2].rows == 5);
  CHECK(by_rows.chunks[2].first_row == 21);
  CHECK(by_rows.chunks[2].lines.At(4) == 26);
  CHECK(Read(text, {1000, 35}).chunks.size() == 7);
}

TEST_CASE("CSV files larger than a block are read whole") {
  std::string csv = "id,text\n";
  for (int row = 0; row < 50'000; ++row) csv += absl::StrCat(row, ",\"line\nof ", row, "\"\n");
  const Result result = Read(TextInput(csv));
  REQUIRE(result.status.ok());
  REQUIRE(result.chunks.size() == 50);
  const Chunk& last = result.chunks.back();
  CHECK(CellText(last.request.columns().columns(0), 999) == "49999");
  CHECK(CellText(last.request.columns().columns(1), 999) == "line\nof 49999");
  CHECK(last.lines.At(999) == 2 + 49'999 * 2);
  CHECK(last.file_offset == csv.size());
}

TEST_CASE("CSV errors name the line, after the rows before it") {
  CHECK(ErrorOf("a,b\n1,2\n3\n4,5\n", 1) == "3: 1 field, but the header has 2");
  CHECK(ErrorOf("a,b\n1,\"x\ny\"\n3,4,5\n", 1) == "4: 3 fields, but the header has 2");
  CHECK(ErrorOf("a,b\n1,2\n3,x\"y\n", 1) == "3: a quote that neither begins nor ends a field");
  CHECK(ErrorOf("a,b\n1,2\n3,\"x\n5,6\n", 1) ==
        "3: the file ends inside a quoted field of the row of this line");
}

TEST_CASE("CSV headers must name each column once") {
  CHECK(ErrorOf("") == "1: no header line");
  CHECK(ErrorOf("a,,b\n") == "1: column 2 of the header has no name");
  CHECK(ErrorOf("a,b,a\n") == "1: column \"a\" is named twice in the header");
}

TEST_CASE("CSV of a header alone has no rows") {
  const Result result = Read(TextInput("a,b\n"));
  CHECK(result.status.ok());
  CHECK(result.chunks.empty());
}

TEST_CASE("A missing file is named") {
  const auto input = InputFile::Open("/no/such/file.csv", nullptr);
  CHECK(input.status().message() == "/no/such/file.csv: No such file or directory");
}

}  // namespace
}  // namespace batchsql::cli
