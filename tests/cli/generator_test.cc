#include "cli/generator.h"

#include <catch2/catch.hpp>

#include "chunk_text.h"
#include "cli/csv_reader.h"
#include "cli/ndjson_reader.h"
#include "text_input.h"

namespace batchsql::cli {
namespace {

std::string Generate(std::string_view workload, uint64_t rows, uint64_t seed, FileFormat format) {
  absl::StatusOr<Generator> generator = Generator::Create(workload, seed, format);
  REQUIRE(generator.ok());
  generator->Header();
  for (uint64_t row = 0; row < rows; ++row) generator->Row();
  return generator->buffer();
}

// FNV-1a (Fowler, Noll, Vo), 64 bits.
uint64_t Checksum(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// The cells of every row of the one chunk.
std::vector<std::string> Cells(ChunkReader& reader) {
  absl::Status status;
  const std::vector<Chunk> chunks = ReadAll(reader, &status);
  REQUIRE(status.ok());
  REQUIRE(chunks.size() == 1);
  return ColumnTexts(chunks[0].request);
}

TEST_CASE("The random numbers are those of xoshiro256** seeded by splitmix64") {
  // The first outputs for the seed 0, from the authors' C code.
  Random random(0);
  CHECK(random.Next() == 0x99ec5f36cb75f2b4);
  CHECK(random.Next() == 0xbf6e1f784956452a);
  CHECK(random.Next() == 0x1a5f849d4933e6e0);
}

TEST_CASE("A seed makes the same rows everywhere") {
  CHECK(Checksum(Generate("w", 1000, 1, FileFormat::kCsv)) == 0x7316a4ed6aae5e23);
  CHECK(Checksum(Generate("w", 1000, 1, FileFormat::kNdjson)) == 0x32d18a78b3975243);
  CHECK(Checksum(Generate("keys", 1000, 1, FileFormat::kCsv)) == 0x91cd99949aa2492e);
  CHECK(Checksum(Generate("types", 1000, 1, FileFormat::kCsv)) == 0x8bf7d33dc0777fe1);
}

TEST_CASE("Another seed makes other rows, and more rows begin alike") {
  const std::string rows = Generate("w", 100, 1, FileFormat::kCsv);
  CHECK(rows != Generate("w", 100, 2, FileFormat::kCsv));
  CHECK(Generate("w", 200, 1, FileFormat::kCsv).starts_with(rows));
}

TEST_CASE("Workload w has names of about 16 and payloads of about 40 characters") {
  const TextInput text(Generate("w", 1000, 7, FileFormat::kCsv));
  InputFile input = text.Open();
  CsvReader reader(input, {}, std::nullopt);
  absl::Status status;
  const std::vector<Chunk> chunks = ReadAll(reader, &status);
  REQUIRE(status.ok());
  const v1::Columns& columns = chunks.at(0).request.columns();
  REQUIRE(columns.row_count() == 1000);
  CHECK(columns.columns(3).texts().data().size() / 1000 == Approx(16).margin(2));
  CHECK(columns.columns(5).texts().data().size() / 1000 == Approx(40).margin(3));
}

TEST_CASE("Both formats hold the same cells") {
  struct Case {
    const char* workload;
    std::vector<std::string> literals;  // columns that JSON does not write as strings
  };
  const std::vector<Case> cases = {
      {"w", {"id", "user_id", "amount"}},
      {"keys", {"id", "version", "value"}},
      {"types", {"id", "flag", "whole", "natural", "real", "document", "list"}},
  };
  for (const Case& one : cases) {
    const TextInput csv(Generate(one.workload, 500, 3, FileFormat::kCsv));
    const TextInput ndjson(Generate(one.workload, 500, 3, FileFormat::kNdjson));
    InputFile csv_input = csv.Open();
    InputFile ndjson_input = ndjson.Open();
    ColumnPlan as_written;
    for (const std::string& name : one.literals) as_written[name] = CellKind::kJson;
    CsvReader csv_reader(csv_input, {}, std::nullopt);
    NdjsonReader ndjson_reader(ndjson_input, {}, as_written);
    CHECK(Cells(csv_reader) == Cells(ndjson_reader));
  }
}

TEST_CASE("An unknown workload is refused with the known ones") {
  CHECK(Generator::Create("x", 1, FileFormat::kCsv).status().message() ==
        "no workload \"x\"; there are w, keys, types");
}

}  // namespace
}  // namespace batchsql::cli
