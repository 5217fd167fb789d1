// Segments: how large they are, when they go, and what an idle journal does.

#include <catch2/catch.hpp>
#include <thread>

#include "core/journal/journal_recovery.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

constexpr auto kGrace = std::chrono::minutes(10);

// Waits for something that the journal's thread does by itself.
template <typename Condition>
void Await(const Condition& condition) {
  while (!condition()) std::this_thread::yield();
}

uint32_t Segments(JournalFixture& journal) { return journal.journal().status().segments; }

void Fill(JournalFixture& journal, int requests) {
  for (int i = 0; i < requests; ++i) journal.AppendAndAwait(20);
}

TEST_CASE("Segments go when all their rows are committed and their grace is over") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  Fill(journal, 100);
  const uint32_t segments = Segments(journal);
  REQUIRE(segments > 3);
  const uint64_t bytes = journal.disk.used_bytes();
  journal.journal().Trim(1000);
  journal.clock.Advance(kGrace - std::chrono::seconds(2));
  CHECK(Segments(journal) == segments);
  CHECK(journal.ReadAll()->size() == 2000);
  journal.clock.Advance(std::chrono::seconds(2));
  Await([&] { return Segments(journal) < segments; });
  // The thread that removes them does one thing after the other.
  REQUIRE(journal.journal().AppendClaim({1, Uuid{}, false}).ok());
  const Lsn first = journal.journal().status().first_lsn;
  CHECK(first > 1);
  CHECK(first <= 1001);
  CHECK(journal.disk.used_bytes() < bytes);
  CHECK(absl::IsOutOfRange(journal.journal().Read(first - 1, 1).status()));
  CHECK(journal.ReadAll()->front() == first);
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.first_lsn == first);
}

TEST_CASE("Segments that a target lacks again stay, from the moment on that this is known") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  Fill(journal, 100);
  journal.journal().Trim(1500);
  journal.clock.Advance(kGrace - std::chrono::seconds(2));
  CHECK(journal.journal().MoveBack(500) == 1);
  journal.clock.Advance(std::chrono::minutes(1));
  // What the target has was committed long enough ago.
  Await([&] { return journal.journal().status().first_lsn > 1; });
  REQUIRE(journal.journal().AppendClaim({1, Uuid{}, false}).ok());
  const Lsn first = journal.journal().status().first_lsn;
  CHECK(first <= 501);
  CHECK(journal.journal().MoveBack(500) == first);
  // The others have their grace from when they are committed again.
  journal.journal().Trim(1500);
  journal.clock.Advance(kGrace - std::chrono::seconds(2));
  REQUIRE(journal.journal().AppendClaim({2, Uuid{}, false}).ok());
  CHECK(journal.journal().status().first_lsn == first);
  journal.clock.Advance(std::chrono::seconds(2));
  Await([&] { return journal.journal().status().first_lsn > 501; });
}

TEST_CASE("A trim that a crash cut short leaves no gap") {
  JournalFixture journal(16 << 10);
  journal.options.trim_grace = {};
  REQUIRE(journal.Open().ok());
  Fill(journal, 100);
  const uint32_t segments = Segments(journal);
  journal.env.FailAlways("syncdir");
  journal.journal().Trim(2000);
  Await([&] { return Segments(journal) < segments; });
  journal.clock.Advance(std::chrono::minutes(1));
  journal.Kill();  // the first removal may or may not have reached the disk
  SECTION("it did") {}
  SECTION("it did not") { journal.env.Crash(); }
  journal.env.FailAlways("");
  REQUIRE(journal.Open().ok());
  CHECK(Segments(journal) >= segments - 1);
  CHECK(journal.state.next_lsn == 2001);
}

// How many such requests one segment takes.
int RequestsThatFit(uint32_t rows) {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  for (int fit = 0;; ++fit) {
    journal.AppendAndAwait(rows);
    if (Segments(journal) == 2) return fit;
  }
}

TEST_CASE("An end marker always fits behind the last record") {
  for (uint32_t rows = 1; rows < 60; ++rows) {
    const int fit = RequestsThatFit(rows);
    JournalFixture journal(16 << 10);
    REQUIRE(journal.Open().ok());
    for (int i = 0; i < fit; ++i) journal.AppendAndAwait(rows);
    journal.Close();
    const auto found = RecoverJournal(&journal.env, JournalFixture::kDirectory);
    REQUIRE(found.ok());
    REQUIRE(found->tip.marked);
    REQUIRE(found->segments.size() == 1);
  }
}

TEST_CASE("Segments begin small and double; a request that is larger gets one that fits") {
  JournalFixture journal(uint64_t{1} << 20);
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(1);
  CHECK(journal.journal().status().bytes == 16 << 10);
  Fill(journal, 100);
  CHECK(journal.journal().status().bytes == (16 + 32 + 64) << 10);
  journal.AppendAndAwait(100'000);
  CHECK(Segments(journal) == 4);
  CHECK(journal.journal().status().bytes > 1'600'000);
  CHECK(journal.ReadAll()->size() == 102'001);
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.ReadAll()->size() == 102'001);
}

TEST_CASE("A large segment that is committed and idle gives its space back") {
  JournalFixture journal(uint64_t{1} << 20);
  REQUIRE(journal.Open().ok());
  Fill(journal, 100);
  journal.journal().Trim(2000);
  Await([&] {
    journal.clock.Advance(std::chrono::minutes(1));
    return Segments(journal) == 1 && journal.journal().status().bytes == 16 << 10;
  });
  CHECK(journal.journal().status().first_lsn == 2001);
  journal.AppendAndAwait(1);
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.first_lsn == 2001);
  CHECK(journal.state.next_lsn == 2002);
}

TEST_CASE("An idle journal writes one synced end marker") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(1);
  const uint64_t writes = journal.env.count("write");
  journal.clock.AdvanceToNextDeadline();
  Await([&] { return journal.env.count("sync") == 3; });  // the header, the request, the marker
  CHECK(journal.env.count("write") == writes + 1);
  journal.clock.Advance(kGrace);
  journal.LosePower();
  const auto found = RecoverJournal(&journal.env, JournalFixture::kDirectory);
  REQUIRE(found.ok());
  CHECK(found->tip.marked);
}

TEST_CASE("A journal that is opened again and again does not grow") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(1);
  journal.LosePower();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(journal.Open().ok());
    journal.clock.Advance(std::chrono::minutes(1));
    journal.Close();
  }
  REQUIRE(journal.Open().ok());
  CHECK(Segments(journal) <= 2);
}

TEST_CASE("A new journal keeps its identity from its first synced record on") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  const Uuid id = journal.state.id;
  REQUIRE(journal.journal().AppendClaim({1, {1}, false}).ok());
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.id == id);
  CHECK(journal.state.schema == nullptr);
  CHECK(journal.state.next_lsn == 1);
}

TEST_CASE("Producers are forgotten, and answers completed, across crashes and rotations") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(3, 1);
  REQUIRE(journal.journal()
              .AppendRefused("producer-1", 1, {{2, "a", RejectReason::kConstraint, ""}})
              .ok());
  if (GENERATE(false, true)) Fill(journal, 60);  // another segment
  REQUIRE(journal.journal().AppendClaim({1, {1}, false}).ok());
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.producers.refused("producer-1", 1).size() == 1);
  REQUIRE(journal.journal().AppendForget("producer-1").ok());
  REQUIRE(journal.journal().AppendClaim({2, {1}, false}).ok());  // waits for what is before it
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.producers.size() == 0);
}

TEST_CASE("LSNs that do not follow are refused, and the block is left as it was") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  QueuedBlock block = TestRequest(JournalTable(), 2, 3);
  CHECK(absl::IsInternal(journal.journal().Append(block)));
  CHECK(block.rows.rows() == 3);
}

TEST_CASE("Reading goes on while rows are appended and trimmed") {
  JournalFixture journal(16 << 10);
  journal.options.trim_grace = {};
  REQUIRE(journal.Open().ok());
  std::thread reader([&] {
    for (Lsn at = 1; at <= 4000;) {
      const auto blocks = journal.journal().Read(at, 2000);
      if (!blocks.ok()) throw std::logic_error(std::string(blocks.status().message()));
      if (blocks->empty()) std::this_thread::yield();
      for (const QueuedBlock& block : *blocks) at = block.last_lsn() + 1;
      journal.journal().Trim(at - 1);
    }
  });
  Fill(journal, 200);
  reader.join();
  Await([&] { return journal.journal().status().first_lsn > 3000; });
}

}  // namespace
}  // namespace batchsql
