// What `batchsql journal` finds in a journal, and makes of it.

#include <catch2/catch.hpp>

#include "core/journal/journal_inspect.h"
#include "core/journal/journal_recovery.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

constexpr char kOut[] = "data/out";

void Fill(JournalFixture& journal, int requests, uint64_t first_sequence = 1) {
  for (int i = 0; i < requests; ++i) journal.AppendAndAwait(20, first_sequence + i);
}

std::vector<std::string> Dump(FaultyEnv& env, const std::string& directory) {
  std::vector<std::string> lines;
  const absl::Status status =
      DumpJournal(&env, directory, [&](std::string_view line) { lines.emplace_back(line); });
  REQUIRE(status.ok());
  return lines;
}

// Overwrites some bytes of a segment.
void Damage(FaultyEnv& env, uint64_t segment, uint64_t offset) {
  const std::string path = SegmentPath(JournalFixture::kDirectory, segment);
  std::string bytes = env.Contents(path);
  bytes.replace(offset, 16, 16, 'x');
  env.SetContents(path, bytes);
}

// Moves the copy to the journal's place and opens it.
void Reopen(JournalFixture& journal) {
  journal.options.directory = kOut;
  REQUIRE(journal.Open().ok());
}

struct Read {
  std::vector<Lsn> rows;
  std::vector<LsnRange> empty;  // requests without rows
};

Read ReadRequests(JournalFixture& journal) {
  Read read;
  for (Lsn at = journal.state.first_lsn; at < journal.state.next_lsn;) {
    const auto blocks = journal.journal().Read(at, 1000);
    REQUIRE(blocks.ok());
    REQUIRE_FALSE(blocks->empty());
    for (const QueuedBlock& block : *blocks) {
      REQUIRE(block.first_lsn() == at);
      REQUIRE(block.schema != nullptr);
      at = block.last_lsn() + 1;
      if (block.rows.rows() == 0) read.empty.push_back({block.first_lsn(), block.last_lsn()});
      ColumnView id;
      for (uint32_t row = 0; row < block.rows.rows(); ++row) {
        REQUIRE(block.rows.FindColumn(0, &id));
        read.rows.push_back(id.u64(row));
      }
    }
  }
  return read;
}

TEST_CASE("A sound journal is verified and dumped without its rows' values") {
  JournalFixture journal;
  journal.options.new_id = Uuid{0xab};
  REQUIRE(journal.Open().ok());
  REQUIRE(journal.journal().AppendClaim({3, {1, 2}, true}).ok());
  journal.AppendAndAwait(2, 7);
  journal.AppendAndAwait(0, 8);
  REQUIRE(journal.journal().AppendForget("producer-1").ok());
  journal.Close();
  const auto report = VerifyJournal(&journal.env, JournalFixture::kDirectory);
  REQUIRE(report.ok());
  CHECK(report->sound());
  CHECK(report->requests == 2);
  CHECK(report->rows == 2);
  CHECK(report->next_lsn == 4);
  CHECK(report->table == "t");
  CHECK(report->segments == 2);  // before and with the first schema
  const std::vector<std::string> lines = Dump(journal.env, JournalFixture::kDirectory);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0] ==
        "segment number=1 id=ab000000-0000-0000-0000-000000000000 first_lsn=1 previous=0:0 "
        "header_bytes=4096 table=- columns=0 producers=0 claims=0");
  CHECK(lines[1] ==
        "claim epoch=3 token=01020000-0000-0000-0000-000000000000 held=1 segment=1 offset=4096 "
        "bytes=80 group=1");
  CHECK(lines[3] ==
        "request lsn=1..2 rows=2 level=journal producer=\"producer-1\" sequence=7 rejected=0 "
        "segment=2 offset=4096 bytes=208 group=2");
  CHECK(
      lines[4].starts_with("request lsn=3..3 rows=0 level=journal producer=\"producer-1\" "
                           "sequence=8 rejected=1 segment=2 offset=4304"));
  CHECK(lines[5].starts_with("forget producer=\"producer-1\""));
  CHECK(lines[6].starts_with("end segment=2"));
}

TEST_CASE("A dump tells levels, and what the database refused, without values") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  for (const AckLevel level : {AckLevel::kMemory, AckLevel::kDatabase}) {
    QueuedBlock block = TestRequest(JournalTable(), journal.next_lsn, 1);
    block.level = level;
    REQUIRE(journal.journal().Append(block).ok());
    journal.AwaitSynced(journal.next_lsn++);
  }
  REQUIRE(journal.journal()
              .AppendRefused("p", 3, {{0, "a", RejectReason::kDuplicateKey, "secret"}})
              .ok());
  journal.Close();
  std::string dump;
  for (const std::string& line : Dump(journal.env, JournalFixture::kDirectory)) dump += line + "\n";
  CHECK(dump.find("rows=1 level=memory segment") != std::string::npos);
  CHECK(dump.find("rows=1 level=database segment") != std::string::npos);
  CHECK(dump.find("refused producer=\"p\" sequence=3 rows=1") != std::string::npos);
  CHECK(dump.find("secret") == std::string::npos);
}

TEST_CASE("A torn end is no damage") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(2);
  journal.LosePower();
  const std::string path = SegmentPath(JournalFixture::kDirectory, 1);
  journal.env.SetContents(path, journal.env.Contents(path).substr(0, 4200));
  const auto report = VerifyJournal(&journal.env, JournalFixture::kDirectory);
  REQUIRE(report.ok());
  CHECK(report->sound());
  CHECK(Dump(journal.env, JournalFixture::kDirectory)
            .back()
            .starts_with("torn segment=1 offset=4096 bytes="));
  CHECK(report->torn_bytes > 90);
  CHECK(report->torn_bytes <= 104);
  CHECK(report->requests == 0);
}

TEST_CASE("A damaged record is named, and repaired into a copy that goes on where it ended") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  Fill(journal, 10);
  journal.Close();
  const std::vector<std::string> lines = Dump(journal.env, JournalFixture::kDirectory);
  const size_t at = lines[4].find("offset=") + 7;  // the fourth request
  Damage(journal.env, 1, std::stoull(lines[4].substr(at)) + 60);

  REQUIRE(absl::IsDataLoss(journal.Open()));
  const auto report = VerifyJournal(&journal.env, JournalFixture::kDirectory);
  REQUIRE(report.ok());
  CHECK(report->problems.size() == 2);
  CHECK(report->lost == std::vector<LsnRange>{{61, 80}});
  const std::vector<std::string> damaged = Dump(journal.env, JournalFixture::kDirectory);
  CHECK(damaged[4].starts_with("BAD segment=1 offset=" + lines[4].substr(at, 4)));
  CHECK(damaged[5] == "LOST lsn=61..80");
  const auto repaired = RepairJournal(&journal.env, JournalFixture::kDirectory, kOut);
  REQUIRE(repaired.ok());
  CHECK(repaired->lost == std::vector<LsnRange>{{61, 80}});
  CHECK(absl::IsAlreadyExists(
      RepairJournal(&journal.env, JournalFixture::kDirectory, kOut).status()));
  CHECK(absl::IsDataLoss(journal.Open()));  // the journal itself was not touched

  const auto copy = VerifyJournal(&journal.env, kOut);
  REQUIRE(copy.ok());
  CHECK(copy->sound());
  CHECK(copy->lost == std::vector<LsnRange>{{61, 80}});
  CHECK(copy->id == report->id);
  CHECK(Dump(journal.env, kOut)[4].starts_with("lost lsn=61..80 segment=1"));
  Reopen(journal);
  CHECK(journal.state.next_lsn == 201);
  CHECK(journal.state.producers.last_sequence("producer-1") == 10);
  const Read read = ReadRequests(journal);
  CHECK(read.rows.size() == 180);
  CHECK(read.empty == std::vector<LsnRange>{{61, 80}});
  journal.AppendAndAwait(1, 11);
}

TEST_CASE("A segment without a header is lost as a whole; what was answered in it is not") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  Fill(journal, 100);
  journal.Close();
  const auto report = VerifyJournal(&journal.env, JournalFixture::kDirectory);
  REQUIRE(report.ok());
  REQUIRE(report->segments > 3);
  uint64_t segment = 2;
  SECTION("in the middle") {}
  SECTION("at the end") { segment = report->segments; }
  SECTION("at the beginning") { segment = 1; }
  Damage(journal.env, segment, 100);
  const auto repaired = RepairJournal(&journal.env, JournalFixture::kDirectory, kOut);
  REQUIRE(repaired.ok());
  CHECK(repaired->problems.front().find(SegmentFileName(segment) + ", offset 0: bad segment") !=
        std::string::npos);
  Reopen(journal);
  CHECK(journal.state.next_lsn == 2001);
  const Read read = ReadRequests(journal);
  if (segment == 1) {
    CHECK(repaired->lost.empty());
    CHECK(journal.state.first_lsn > 1);
    CHECK(read.rows.size() == 2001 - journal.state.first_lsn);
  } else {
    REQUIRE(repaired->lost.size() == 1);
    const LsnRange lost = repaired->lost.front();
    CHECK(read.empty == repaired->lost);
    CHECK(read.rows.size() == 2000 - (lost.last - lost.first + 1));
  }
  if (segment == 2) CHECK(journal.state.producers.last_sequence("producer-1") == 100);
}

TEST_CASE("Repair saves what it can of any single damaged byte") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  Fill(journal, 4);
  journal.Close();
  const std::string path = SegmentPath(JournalFixture::kDirectory, 1);
  const std::string bytes = journal.env.Contents(path);
  const size_t end = bytes.find_last_not_of('\0');
  for (size_t at = 4096; at < end; at += 5) {
    FaultyEnv env;
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    env.SetContents(path, changed);
    const auto repaired = RepairJournal(&env, JournalFixture::kDirectory, kOut);
    REQUIRE(repaired.ok());
    const auto copy = VerifyJournal(&env, kOut);
    REQUIRE(copy.ok());
    REQUIRE(copy->sound());
    REQUIRE(copy->rows >= 60);
    REQUIRE(RecoverJournal(&env, kOut).ok());
  }
}

TEST_CASE("Adoption gives a new identity, numbers from 1, and keeps what producers were told") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  REQUIRE(journal.journal().AppendClaim({3, {1, 2}, true}).ok());
  Fill(journal, 100);
  const Uuid id = journal.state.id;
  journal.Close();
  const auto within = AdoptJournal(&journal.env, JournalFixture::kDirectory, "data/x", 1950);
  CHECK(absl::IsInvalidArgument(within.status()));
  CHECK(within.status().message().find("LSNs 1941 to 1960") != absl::string_view::npos);
  const auto beyond = AdoptJournal(&journal.env, JournalFixture::kDirectory, "data/y", 2002);
  CHECK(absl::IsInvalidArgument(beyond.status()));

  Lsn from = 1961;
  SECTION("from where the target ends") {}
  SECTION("nothing but the producers") { from = 2001; }
  SECTION("all of it") { from = 0; }
  const auto report = AdoptJournal(&journal.env, JournalFixture::kDirectory, kOut, from);
  REQUIRE(report.ok());
  CHECK(report->sound());
  CHECK(report->id != id);
  Reopen(journal);
  const Lsn rows = 2001 - std::max<Lsn>(from, 1);
  CHECK(journal.state.next_lsn == rows + 1);
  CHECK(journal.state.first_lsn == 1);
  CHECK(journal.state.claims.empty());
  CHECK(*journal.state.schema == *JournalTable());
  CHECK(journal.state.producers.last_sequence("producer-1") == 100);
  const Digest digest = DigestOf("request 97");
  const auto old = journal.state.producers.Look("producer-1", 97, digest);
  REQUIRE(old.verdict == Producers::Verdict::kDuplicate);
  CHECK(old.original->last_lsn == (from == 0 ? 1940 : 0));
  const Read read = ReadRequests(journal);
  REQUIRE(read.rows.size() == rows);
  if (rows > 0) CHECK(read.rows.back() == 2000);
}

TEST_CASE("A damaged journal is not adopted") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  Fill(journal, 4);
  journal.Close();
  Damage(journal.env, 1, 4200);
  CHECK(absl::IsDataLoss(AdoptJournal(&journal.env, JournalFixture::kDirectory, kOut, 0).status()));
}

TEST_CASE("Where there is no journal, none is verified") {
  FaultyEnv env;
  CHECK(absl::IsNotFound(VerifyJournal(&env, "data/none").status()));
  CHECK(absl::IsDataLoss(RepairJournal(&env, "data/none", kOut).status()));
}

}  // namespace
}  // namespace batchsql
