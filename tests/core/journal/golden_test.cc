// The format, held by files that were written when it was fixed.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/journal/journal_inspect.h"
#include "core/journal/journal_recovery.h"
#include "core/journal/journal_writer.h"
#include "core/journal/schema_bytes.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

constexpr char kDirectory[] = "golden";

std::string GoldenPath(const std::string& name) {
  return absl::StrCat(BATCHSQL_JOURNAL_GOLDEN, "/v1/", name);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A schema in which every field differs from its default somewhere.
std::shared_ptr<const TableSchema> FullTable() {
  Column id = NotNull(TestColumn("id", ColumnType::kInt64));
  id.min = -1000;
  id.max = 1'000'000;
  id.native_type = "bigint";
  id.native_id = 20;
  Column amount = WithDefault(TestColumn("amount", ColumnType::kDecimal));
  amount.precision = 12;
  amount.scale = 2;
  amount.takes_nan = false;
  amount.key_is_bytes = false;
  Column kind = TestColumn("kind", ColumnType::kEnum);
  kind.labels = {"small", "large"};
  Column note = TestColumn("nöte", ColumnType::kText);
  note.chars_max = 40;
  note.bytes_max = 160;
  note.keeps_trailing_spaces = false;
  note.takes_nul = false;
  Column tags = TestColumn("tags", ColumnType::kArray);
  tags.element = ColumnType::kUuid;
  tags.element_native_id = 2950;
  tags.native_modifier = 7;
  Column made = TestColumn("made", ColumnType::kUint64);
  made.generated = true;
  made.unsigned_max = UINT32_MAX;
  made.takes_infinity = made.takes_negative_zero = false;
  made.fraction_digits = 3;
  made.bytes_min = 4;
  WriteRule rule{Conflict::kUpdate, {"id"}, {"amount", "nöte"}, true};
  auto schema = TableSchema::Create({"sales", "orders"}, {id, amount, kind, note, tags, made}, {0},
                                    {{0}, {1, 3}}, rule);
  REQUIRE(schema.ok());
  return std::make_shared<const TableSchema>(*std::move(schema));
}

QueuedBlock FullRequest(const std::shared_ptr<const TableSchema>& schema) {
  QueuedBlock block;
  block.schema = schema;
  BuiltRows built = BuildRows(
      *schema, {{{"id", Value::Int(1)}, {"amount", Value::Number("12.5")}, {"nöte", Value::Null()}},
                {{"id", Value::Text("refused")}},
                {{"id", Value::Int(3)}, {"kind", Value::Text("large")}}});
  block.rows = *std::move(built.block);
  block.answer.producer_id = "producer-1";
  block.answer.sequence = 41;
  block.answer.digest = DigestOf("the request's bytes");
  block.answer.accepted_rows = 2;
  block.answer.rejected = built.rejected;
  block.answer.first_lsn = 1;
  block.answer.last_lsn = 2;
  block.answer.time_ms = 1'767'225'600'000;
  block.level = AckLevel::kDatabase;
  return block;
}

JournalEntry Lost(const std::shared_ptr<const TableSchema>& schema, Lsn first, Lsn last) {
  JournalEntry entry = RequestEntry(TestRequest(schema, first, 0));
  entry.type = RecordType::kLost;
  entry.request->answer.last_lsn = last;
  return entry;
}

// Writes the golden journal with today's code: every kind of record, two segments.
void WriteGolden(FaultyEnv* env) {
  DiskBudget disk(UINT64_MAX);
  SegmentIndex index({});
  JournalTip tip;
  tip.id = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0x4c, 0xde, 0x8f, 1, 2, 3, 4, 5, 6, 7};
  JournalWriter writer(env, &disk, {kDirectory, 8192, 8192}, tip, 0, &index);
  const auto write = [&](std::vector<JournalEntry> entries) {
    std::vector<const JournalEntry*> group;
    for (const JournalEntry& entry : entries) group.push_back(&entry);
    REQUIRE(writer.Write(group).value() == group.size());
  };
  const auto schema = FullTable();
  std::vector<JournalEntry> first;
  first.push_back(ClaimEntry({5, {0xaa, 0xbb}, false}));
  first.push_back(RequestEntry(FullRequest(schema)));
  write(std::move(first));
  std::vector<JournalEntry> second;
  second.push_back(RefusedEntry("producer-1", 41, {{2, "kind", RejectReason::kConstraint, "why"}}));
  second.push_back(ClaimEntry({5, {0xaa, 0xbb}, true}));
  second.push_back(ForgetEntry("nobody"));
  second.push_back(Lost(schema, 3, 9));
  write(std::move(second));
  std::vector<JournalEntry> third;
  third.push_back(RequestEntry(TestRequest(WiderJournalTable(), 10, 3, 42)));
  write(std::move(third));
  std::vector<JournalEntry> mark(1);
  write(std::move(mark));
}

TEST_CASE("Today's writer makes the bytes of the golden journal") {
  FaultyEnv env;
  WriteGolden(&env);
  const auto names = env.List(kDirectory);
  REQUIRE(names->size() == 2);
  for (const std::string& name : *names) {
    const std::string bytes = env.Contents(absl::StrCat(kDirectory, "/", name));
    const std::string golden = ReadFile(GoldenPath(name));
    REQUIRE(golden.size() == 8192);
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != golden[i]) FAIL(name << " differs at offset " << i);
    }
  }
}

// Not run by itself: for a new format version, whose golden files lie beside the old ones.
TEST_CASE("Write the golden journal", "[.golden]") {
  FaultyEnv env;
  WriteGolden(&env);
  const auto names = env.List(kDirectory);
  for (const std::string& name : *names) {
    std::ofstream(GoldenPath(name), std::ios::binary)
        << env.Contents(absl::StrCat(kDirectory, "/", name));
  }
}

TEST_CASE("The golden journal of version 1 is read") {
  const std::string directory = GoldenPath("");
  const auto found = RecoverJournal(Env::System(), directory, Recover::kReadOnly);
  REQUIRE(found.ok());
  CHECK(found->tip.next_lsn == 13);
  CHECK(found->torn_bytes == 0);
  CHECK(UuidText(found->tip.id) == "10325476-98ba-4cde-8f01-020304050607");
  CHECK(*found->tip.schema == *WiderJournalTable());
  REQUIRE(found->segments.size() == 2);
  CHECK(*found->segments[0].schema == *FullTable());
  REQUIRE(found->tip.claims.size() == 1);
  CHECK(found->tip.claims[0].held);
  const Producers& producers = found->tip.producers;
  CHECK(producers.last_sequence("producer-1") == 42);
  const auto first = producers.Look("producer-1", 41, DigestOf("the request's bytes"));
  REQUIRE(first.verdict == Producers::Verdict::kDuplicate);
  CHECK(first.original->time_ms == 1'767'225'600'000);
  CHECK(DumpRejections(first.original->rejected) == std::vector<std::string>{"1 id wrong_type"});
  CHECK(DumpRejections(first.original->refused) == std::vector<std::string>{"2 kind constraint"});

  const SegmentIndex index(found->segments);
  JournalReader reader(Env::System(), directory, found->tip.id, &index);
  const auto blocks = reader.Read(1, 1 << 20);
  REQUIRE(blocks.ok());
  REQUIRE(blocks->size() == 2);
  CHECK(DumpBlock(*FullTable(), blocks->front().rows) ==
        std::vector<std::string>{"id=1 amount='12.5' nöte=NULL", "id=3 kind='large'"});
  CHECK(blocks->back().rows.rows() == 0);
  CHECK(blocks->back().last_lsn() == 9);
}

TEST_CASE("A schema survives its bytes, and no prefix or flip of them is misread") {
  const auto schema = FullTable();
  std::string bytes;
  ByteWriter out(&bytes);
  AppendSchema(*schema, out);
  const auto parsed = ParseSchema(bytes);
  REQUIRE(parsed.ok());
  CHECK(*parsed == *schema);
  for (size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_FALSE(ParseSchema(bytes.substr(0, size)).ok());
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto other = ParseSchema(flipped);  // either refused or another schema; never a crash
    if (other.ok() && *other == *schema) {
      // Only flags that have no meaning yet.
      std::string again;
      ByteWriter writer(&again);
      AppendSchema(*other, writer);
      CHECK(again == bytes);
    }
  }
}

TEST_CASE("A row block is taken from its bytes, and from no others that point outside") {
  const auto schema = FullTable();
  const QueuedBlock request = FullRequest(schema);
  const absl::Span<const char> bytes = request.rows.buffer();
  const auto from = [&](std::string_view text) {
    std::unique_ptr<char[]> buffer(new char[text.size()]);
    std::copy(text.begin(), text.end(), buffer.get());
    return RowBlock::FromBuffer(std::move(buffer), text.size(), *schema);
  };
  const std::string original(bytes.data(), bytes.size());
  const auto same = from(original);
  REQUIRE(same.ok());
  CHECK(DumpBlock(*schema, *same) == DumpBlock(*schema, request.rows));
  for (size_t size = 0; size < original.size(); ++size) {
    const auto cut = from(original.substr(0, size));
    if (cut.ok()) CHECK(DumpBlock(*schema, *cut).size() == 2);  // only padding was cut
  }
  for (size_t bit = 0; bit < original.size() * 8; ++bit) {
    std::string flipped = original;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto block = from(flipped);
    if (block.ok()) DumpBlock(*schema, *block);  // under AddressSanitizer: nothing outside is read
  }
}

TEST_CASE("The journal's schema remembers that a table is not written exactly once") {
  const auto full = FullTable();
  WriteRule rule = full->rule();
  rule.at_least_once = true;
  for (const bool any_unique_key : {true, false}) {
    rule.any_unique_key = any_unique_key;
    rule.key = {"id"};
    const std::vector<std::vector<uint16_t>> keys = {{0}};
    const TableSchema weak = *TableSchema::Create(full->name(), full->columns(), {0}, keys, rule,
                                                  TableWeakness::kNoRollback);
    std::string bytes;
    ByteWriter out(&bytes);
    AppendSchema(weak, out);
    CHECK(*ParseSchema(bytes) == weak);
    bytes.back() = static_cast<char>(5 << 2);  // one more than there are
    CHECK_FALSE(ParseSchema(bytes).ok());
  }
}

}  // namespace
}  // namespace batchsql
