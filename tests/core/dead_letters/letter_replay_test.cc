#include "server/letter_replay.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/dead_letters/letter_json.h"
#include "server/decode/json_rows.h"
#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using absl::StatusCode;

class ReplayTest : public LettersPipelineTest {
 protected:
  // One live letter, whose id is 1, of the row id=1 a=7.
  void StartWithLetter() {
    StartAndOpen();
    database.Then(Refuse(1));
    REQUIRE(pipeline->Submit(Block("bad", {{{"id", Value::Int(1)}, {"a", Value::Int(7)}}})).ok());
    RunToAnswer("bad");
    REQUIRE(Letters() == Strings{"23514 id=1 a=7"});
  }

  ReplayOutcome Replay(std::string row_json = "", uint64_t id = 1) {
    return ReplayLetters(*pipeline, budget, {}, {{id, std::move(row_json)}}).front();
  }
  void RunToRows(size_t rows) {
    RunUntil([&] { return database.table().size() == rows; });
    RunUntil([&] { return pipeline->status().queued_rows == 0; });
  }
};

TEST_CASE_METHOD(ReplayTest, "A replayed row is written once, however often it is replayed") {
  StartWithLetter();
  CHECK(Replay().status.ok());
  RunToRows(1);
  const ReplayOutcome again = Replay(R"({"id": 1, "a": 8})");
  CHECK(again.status.ok());
  CHECK(again.repeated);
  Stop();
  StartAndOpen();
  CHECK(Replay().repeated);
  CHECK(database.table() == Strings{"id=1 a=7"});
  CHECK(Letters().empty());
  CHECK(Letters(true).size() == 1);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(ReplayTest, "A replay is counted as one, and not as received") {
  StartWithLetter();
  CHECK(Replay(R"({"id": 2, "b": 3})").status.ok());
  RunToRows(1);
  CHECK(database.table() == Strings{"id=2 b=3"});
  const PipelineStatus status = pipeline->status();
  CHECK(status.received_rows == 1);
  CHECK(status.replayed_rows == 1);
  CHECK(status.committed_rows == 1);
  CHECK(status.dead_lettered_rows == 1);
  CHECK(status.dead_letters == 0);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(ReplayTest, "A refused replay leaves the letter, and a better one is taken") {
  StartWithLetter();
  const ReplayOutcome refused = Replay(R"({"id": 2, "a": "x"})");
  CHECK(refused.status.code() == StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(refused.status.message()), Catch::StartsWith("column \"a\": wrong_type"));
  CHECK(Replay(R"([{"id": 2}, {"id": 3}])").status.code() == StatusCode::kInvalidArgument);
  CHECK(Replay("{").status.code() == StatusCode::kInvalidArgument);
  CHECK(Replay("", 99).status.code() == StatusCode::kNotFound);
  CHECK(Letters().size() == 1);
  CHECK(Replay(R"({"id": 2, "a": 1})").status.ok());
  RunToRows(1);
  CHECK(database.table() == Strings{"id=2 a=1"});
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(ReplayTest, "A replay that could not be noted is not written again") {
  const bool restart = GENERATE(true, false);
  StartWithLetter();
  letters_disk.FailAlways("sync");
  const ReplayOutcome unnoted = Replay();
  CHECK(unnoted.status.code() == StatusCode::kUnavailable);
  RunToRows(1);
  CHECK(Letters().size() == 1);
  letters_disk.FailAlways("");
  if (restart) {
    letters_disk.Crash();
    Stop();
    StartAndOpen();
    CHECK(Letters().empty());  // the journal tells that it was replayed
  }
  const ReplayOutcome again = Replay(R"({"id": 9})");
  CHECK(again.status.ok());
  CHECK(again.repeated == restart);
  Stop();
  StartAndOpen();
  CHECK(Letters().empty());
  RunUntil([&] { return pipeline->status().queued_rows == 0; });
  CHECK(database.table() == Strings{"id=1 a=7"});
}

TEST_CASE_METHOD(ReplayTest, "The pseudo-producers of replays are forgotten") {
  StartWithLetter();
  CHECK(Replay().status.ok());
  RunToRows(1);
  pipeline->Drain(clock.Now() + std::chrono::seconds(10));
  Stop();
  const auto journal = OpenJournal();
  REQUIRE(journal.ok());
  CHECK((*journal)->TakeRecovered().producers.size() == 0);
}

TEST_CASE_METHOD(ReplayTest, "A row that is refused again is a new letter") {
  StartWithLetter();
  database.Then(Refuse(1));
  CHECK(Replay().status.ok());
  RunUntil([&] { return pipeline->status().dead_letters == 1; });
  CHECK(Letters() == Strings{"23514 id=1 a=7"});
  const DeadLetter letter = pipeline->letters()->Get(2)->letter;
  CHECK(letter.producer_id == ReplayProducer(pipeline->id(), 1));
}

Column WithElement(Column column, ColumnType element) {
  column.element = element;
  return column;
}

TableSchema EveryType() {
  Column label = TestColumn("enum", ColumnType::kEnum);
  label.labels = {"red", "blue"};
  return TestTable({
      TestColumn("bool", ColumnType::kBool),
      TestColumn("int", ColumnType::kInt64),
      TestColumn("uint", ColumnType::kUint64),
      TestColumn("real", ColumnType::kFloat32),
      TestColumn("double", ColumnType::kFloat64),
      TestColumn("decimal", ColumnType::kDecimal),
      TestColumn("text", ColumnType::kText),
      TestColumn("bytes", ColumnType::kBytes),
      TestColumn("date", ColumnType::kDate),
      TestColumn("time", ColumnType::kTime),
      TestColumn("timestamp", ColumnType::kTimestamp),
      TestColumn("timestamptz", ColumnType::kTimestampTz),
      TestColumn("uuid", ColumnType::kUuid),
      TestColumn("json", ColumnType::kJson),
      label,
      WithElement(TestColumn("ints", ColumnType::kArray), ColumnType::kInt64),
      WithElement(TestColumn("texts", ColumnType::kArray), ColumnType::kText),
      WithElement(TestColumn("blobs", ColumnType::kArray), ColumnType::kBytes),
      WithElement(TestColumn("jsons", ColumnType::kArray), ColumnType::kJson),
  });
}

// A row of a block as a letter, read back from its bytes.
DeadLetter LetterFor(const TableSchema& schema, const RowBlock& block) {
  const DeadLetter letter = LetterOfRow({}, schema, block, 0);
  std::string bytes;
  AppendLetter(letter, &bytes);
  const absl::StatusOr<DeadLetter> parsed = ParseLetter(bytes);
  REQUIRE(parsed.ok());
  REQUIRE(*parsed == letter);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    REQUIRE(absl::IsDataLoss(ParseLetter(bytes.substr(0, cut)).status()));
  }
  return *parsed;
}

std::vector<std::string> TakenFromJson(const TableSchema& schema, const std::string& json) {
  RowBlockBuilder builder;
  builder.Start(schema);
  const absl::Status status = JsonRowSource(JsonForm::kDocument, json, {}).Decode(builder);
  INFO(json);
  REQUIRE(status.ok());
  const BuiltRows built = builder.Finish();
  CHECK(DumpRejections(built.rejected).empty());
  REQUIRE(built.block.has_value());
  return DumpBlock(schema, *built.block);
}

TEST_CASE("A letter's JSON is taken over HTTP as the very same cells") {
  const TableSchema schema = EveryType();
  const std::vector<Value> ints = {Value::Int(INT64_MIN), Value::Null(), Value::Int(5)};
  const std::vector<Value> texts = {Value::Text("a\"b\\\n\x01"), Value::Text(""), Value::Null()};
  const std::vector<Value> blobs = {Value::Bytes(std::string_view("\0\xff", 2)), Value::Bytes("")};
  const std::vector<Value> jsons = {Value::Text("{\"a\": [1, 2]}"), Value::Text("\"x\"")};
  const std::string uuid = "0123456789abcdef";
  const TestRow common = {
      {"id", Value::Int(INT64_MAX)},
      {"bool", Value::Bool(true)},
      {"int", Value::Int((int64_t{1} << 53) + 1)},
      {"uint", Value::Uint(UINT64_MAX)},
      {"real", Value::Double(0.1F)},
      {"double", Value::Double(0.1)},
      {"decimal", Value::Text("-123456789012345678901234567890.000000001")},
      {"text", Value::Text("\u00e9\U0001F600 \"quoted\"\t\x7f")},
      {"bytes", Value::Bytes(std::string_view("\\x\0", 3))},
      {"date", Value::Text("0000-01-01")},
      {"time", Value::Text("23:59:59.999999")},
      {"timestamp", Value::Text("1969-12-31T23:59:59.999999")},
      {"timestamptz", Value::Text("9999-12-31T23:59:59.999999Z")},
      {"uuid", Value::Bytes(uuid)},
      {"json", Value::Text("{\"b\" : 1.0,\n \"b\": [\"x\"]}")},
      {"enum", Value::Text("blue")},
      {"ints", Value::List(ints)},
      {"texts", Value::List(texts)},
      {"blobs", Value::List(blobs)},
      {"jsons", Value::List(jsons)},
  };
  std::vector<TestRow> rows = {common, {{"id", Value::Int(1)}, {"text", Value::Null()}}};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double real : {-0.0, 1.0, 1e300, 5e-324, 123456789012345680.0, 9007199254740993.0,
                            kInfinity, -kInfinity, std::nan("")}) {
    rows.push_back({{"id", Value::Int(1)}, {"double", Value::Double(real)}});
  }
  for (const char* json : {"1", "\"text\"", "null", "[]", "1e400"}) {
    rows.push_back({{"id", Value::Int(1)}, {"json", Value::Text(json)}});
  }
  for (const float real : {-0.0F, 1.0F, 3.4e38F, 1e-45F, 16777216.0F}) {
    rows.push_back({{"id", Value::Int(1)}, {"real", Value::Double(real)}});
  }
  rows.push_back({{"id", Value::Int(1)}, {"decimal", Value::Text("NaN")}});
  for (const TestRow& row : rows) {
    const RowBlock block = BuildBlock(schema, {row});
    const std::string json = LetterRowJson(LetterFor(schema, block));
    CHECK(json.find('\n') == std::string::npos);
    CHECK(TakenFromJson(schema, json) == DumpBlock(schema, block));
  }
}

TEST_CASE("What no client can send as text is shown all the same") {
  DeadLetter letter;
  letter.cells = {{"date", ColumnType::kDate, ColumnType::kText, false, 5'000'000, ""},
                  {"span", ColumnType::kTime, ColumnType::kText, false,
                   std::bit_cast<uint64_t>(int64_t{-3'020'399'000'000}), ""}};
  CHECK(LetterRowJson(letter) == R"({"date":"15659-07-15","span":"-838:59:59.000000"})");
}

}  // namespace
}  // namespace batchsql
