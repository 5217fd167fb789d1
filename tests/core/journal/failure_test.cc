// Disks that fail, fill up, or lie.

#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "core/journal/journal_writer.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

std::vector<Lsn> UpTo(Lsn last) {
  std::vector<Lsn> lsns(last);
  std::iota(lsns.begin(), lsns.end(), 1);
  return lsns;
}

// A day of a small journal: opened, filled over several segments, marked, trimmed, opened again.
// Goes on after every failure; false: it could not be opened.
bool LiveADay(JournalFixture& journal) {
  if (!journal.Open().ok()) return false;
  for (int i = 0; i < 30; ++i) {
    if (journal.Append(40).ok()) journal.AwaitSyncedOrAdvance(journal.next_lsn - 1);
  }
  (void)journal.journal().AppendClaim({1, {1}, false}).ok();
  journal.journal().Trim(journal.synced_lsn());
  while (journal.journal().status().segments > 1) {
    journal.clock.Advance(std::chrono::seconds(1));
    std::this_thread::yield();
  }
  return true;
}

TEST_CASE(
    "Every write, sync, rename and removal may fail once, and nothing that was synced is lost") {
  uint64_t operations = 0;
  uint64_t survived = 0;
  for (uint64_t n = 1; n == 1 || n <= operations + 1; ++n) {
    JournalFixture journal(16 << 10);
    journal.options.trim_grace = std::chrono::seconds(1);
    journal.env.FailOperation(n);
    const bool opened = LiveADay(journal);
    if (!opened) REQUIRE(LiveADay(journal));
    const Lsn synced = journal.synced_lsn();
    journal.LosePower();
    operations = std::max(operations, journal.env.operations());
    const absl::Status status = journal.Open();
    if (!status.ok()) FAIL("operation " << n << ": " << status.message());
    if (journal.state.next_lsn != synced + 1) {
      FAIL("operation " << n << ": " << synced << " synced, " << journal.state.next_lsn);
    }
    const auto read = journal.ReadAll();
    if (!read.ok()) FAIL("operation " << n << ": " << read.status().message());
    REQUIRE(read->size() == synced + 1 - journal.state.first_lsn);
    journal.AppendAndAwait(1);
    ++survived;
  }
  CHECK(operations > 80);
  CHECK(survived == operations + 1);
}

TEST_CASE("Without its syncs a journal loses what it said was safe") {
  JournalFixture journal(16 << 10);
  journal.env.IgnoreSyncs();
  REQUIRE(journal.Open().ok());
  for (int i = 0; i < 10; ++i) journal.AppendAndAwait(20);
  journal.LosePower();
  const absl::Status status = journal.Open();
  CHECK((!status.ok() || journal.state.next_lsn <= 200));
}

TEST_CASE("A failed sync ends the segment; the rows go to a new one that says where it ended") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(5);
  journal.env.FailOperation(2);  // the write, then the sync
  journal.AppendAndAwait(5);
  CHECK(journal.journal().status().failed_syncs == 1);
  CHECK(journal.journal().status().segments == 2);
  CHECK(journal.journal().status().error.empty());
  CHECK(*journal.ReadAll() == UpTo(10));
  SECTION("after the power was lost") { journal.LosePower(); }
  SECTION("after a kill, with the unsynced bytes still to be read") { journal.Kill(); }
  REQUIRE(journal.Open().ok());
  CHECK(*journal.ReadAll() == UpTo(10));
}

TEST_CASE("Bytes that a failed sync left in the page cache are not taken for safe") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(5);
  journal.env.FailAlways("sync");
  REQUIRE(journal.Append(5).ok());
  journal.AwaitError();
  journal.Kill();
  journal.env.FailAlways("");
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.next_lsn == 6);
  journal.AppendAndAwait(1);
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(*journal.ReadAll() == UpTo(6));
}

TEST_CASE("A disk that keeps failing is waited for, and requests are refused meanwhile") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(5);
  journal.env.FailAlways("sync");
  REQUIRE(journal.Append(5).ok());
  journal.AwaitError();
  const absl::Status refused = journal.Append(1);
  CHECK(absl::IsUnavailable(refused));
  CHECK(absl::IsUnavailable(journal.journal().AppendClaim({1, {1}, false})));
  for (int i = 0; i < 10; ++i) journal.clock.AdvanceToNextDeadline();
  CHECK(journal.synced_lsn() == 5);
  CHECK(journal.journal().status().segments == 1);  // failures pile nothing up
  journal.env.FailAlways("");
  journal.AwaitSyncedOrAdvance(10);
  journal.AppendAndAwait(1);
  CHECK(journal.journal().status().error.empty());
  CHECK(*journal.ReadAll() == UpTo(11));
}

TEST_CASE("A segment whose header no reader takes is not begun") {
  FaultyEnv env;
  REQUIRE(env.MakeDirectory("data").ok());
  DiskBudget disk(UINT64_MAX);
  SegmentIndex index({});
  JournalWriter::Options options{"data"};
  options.header_bytes_max = 2 * kSectorBytes;
  JournalWriter writer(&env, &disk, std::move(options), JournalTip(), 0, &index);
  Producers producers;
  for (uint64_t i = 1; i <= 16; ++i) {
    RequestAnswer answer;
    answer.producer_id.assign(255, 'p');
    answer.sequence = i;
    producers.Record(std::move(answer));
  }
  REQUIRE(writer.Restart(producers, {}).ok());
  const auto before = env.List("data");
  RequestAnswer another;
  for (const char id : {'q', 'r', 's', 't'}) {
    another.producer_id.assign(255, id);
    for (int i = 0; i < 16; ++i) producers.Record(another);
  }
  const absl::Status status = writer.Restart(producers, {});
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(*env.List("data") == *before);
  CHECK(disk.used_bytes() == index.totals().bytes);
  CHECK(writer.Restart({}, {}).ok());
}

TEST_CASE("A full disk refuses with RESOURCE_EXHAUSTED and recovers by itself") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  journal.env.SetCapacity(uint64_t{100} << 10);
  while (journal.Append(20).ok()) {
    if (!journal.AwaitSyncedOrError(journal.next_lsn - 1)) break;
  }
  const Lsn synced = journal.synced_lsn();
  CHECK(synced > 500);
  CHECK(absl::IsResourceExhausted(journal.Append(1)));
  CHECK(journal.journal().status().error.find("no space left") != std::string::npos);
  SECTION("when the disk has space again") {
    journal.env.SetCapacity(UINT64_MAX);
    journal.AwaitSyncedOrAdvance(synced + 20);
  }
  SECTION("when rows were committed, at once, without waiting for their grace") {
    journal.journal().Trim(synced / 2 + 100);
    journal.AwaitSynced(synced + 20);
    CHECK(journal.journal().status().first_lsn > 1);
  }
  const Lsn last = journal.next_lsn - 1;
  CHECK(journal.ReadAll()->back() == last);
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.next_lsn == last + 1);
}

TEST_CASE("One segment that fills the whole disk gives way once it is committed") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  journal.env.SetCapacity((16 << 10) + (64 << 10));  // and the reserve
  while (journal.Append(20).ok()) {
    if (!journal.AwaitSyncedOrError(journal.next_lsn - 1)) break;
  }
  const Lsn synced = journal.synced_lsn();
  CHECK(journal.journal().status().segments == 1);
  journal.journal().Trim(synced);
  journal.AwaitSynced(synced + 20);
  CHECK(journal.journal().status().first_lsn == synced + 1);
  journal.env.SetCapacity(UINT64_MAX);
  journal.AppendAndAwait(1);
}

TEST_CASE("A claim is written to a full disk") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  journal.env.SetCapacity(64 << 10);  // the reserve
  CHECK(journal.journal().AppendClaim({1, {1}, false}).ok());
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.claims.size() == 1);
}

TEST_CASE("The disk budget holds, and is given back") {
  JournalFixture journal(16 << 10);
  journal.disk.Add(journal.disk.bytes_max() - (uint64_t{120} << 10));
  const uint64_t before = journal.disk.used_bytes();
  REQUIRE(journal.Open().ok());
  while (journal.Append(20).ok()) {
    if (!journal.AwaitSyncedOrError(journal.next_lsn - 1)) break;
  }
  CHECK(journal.disk.used_bytes() <= journal.disk.bytes_max());
  CHECK(journal.disk.used_bytes() - before == journal.env.used_bytes());
  CHECK(journal.journal().status().error.find("disk budget") != std::string::npos);
  journal.journal().Trim(journal.synced_lsn());
  journal.AwaitSynced(journal.next_lsn - 1);
  // What is committed goes, the reserve comes back, and then the two agree again.
  while (journal.disk.used_bytes() - before != journal.env.used_bytes()) std::this_thread::yield();
  journal.Close();
  CHECK(journal.disk.used_bytes() == before);
}

TEST_CASE("What cannot be written until the deadline of Close is answered UNAVAILABLE") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.env.FailAlways("sync");
  QueuedBlock block = TestRequest(JournalTable(), 1, 1);
  absl::Status answered;
  block.receipt =
      Receipt([&](AckLevel, const RequestOutcome& outcome) { answered = outcome.status; });
  REQUIRE(journal.journal().Append(block).ok());
  journal.AwaitError();
  journal.journal().Close(journal.clock.Now());
  CHECK(absl::IsUnavailable(answered));
  QueuedBlock late = TestRequest(JournalTable(), 2, 1);
  CHECK(absl::IsUnavailable(journal.journal().Append(late)));
  CHECK(late.rows.rows() == 1);
}

TEST_CASE("Wherever the power is lost in the midst of a write, a prefix of it is left") {
  for (uint64_t kept = 0; kept < 2000; kept += 7) {
    JournalFixture journal;
    REQUIRE(journal.Open().ok());
    journal.AppendAndAwait(5);
    journal.env.FailAlways("sync");
    journal.env.OnSync([&] { journal.env.Freeze(true); });
    REQUIRE(journal.Append(5).ok());
    journal.AwaitError();
    journal.env.OnSync(nullptr);
    journal.LosePower(kept);
    REQUIRE(journal.Open().ok());
    REQUIRE((journal.state.next_lsn == 6 || journal.state.next_lsn == 11));
    if (kept == 0) REQUIRE(journal.state.next_lsn == 6);
    if (kept > 1900) REQUIRE(journal.state.next_lsn == 11);
    REQUIRE(*journal.ReadAll() == UpTo(journal.state.next_lsn - 1));
  }
}

}  // namespace
}  // namespace batchsql
