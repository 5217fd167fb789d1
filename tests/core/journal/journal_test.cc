#include "core/journal/journal.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

std::vector<Lsn> UpTo(Lsn last) {
  std::vector<Lsn> lsns(last);
  std::iota(lsns.begin(), lsns.end(), 1);
  return lsns;
}

TEST_CASE("What was synced is there after the power was lost") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  const Uuid id = journal.state.id;
  journal.AppendAndAwait(3, 1);
  journal.AppendAndAwait(2, 2);
  REQUIRE(journal.journal().AppendClaim({7, {1, 2, 3}, false}).ok());
  REQUIRE(journal.journal().AppendClaim({7, {1, 2, 3}, true}).ok());
  journal.LosePower();
  REQUIRE(journal.Open().ok());
  CHECK(journal.state.id == id);
  CHECK(journal.state.next_lsn == 6);
  CHECK(journal.state.first_lsn == 1);
  CHECK(journal.state.producers.last_sequence("producer-1") == 2);
  REQUIRE(journal.state.claims.size() == 1);
  CHECK(journal.state.claims.front().epoch == 7);
  CHECK(journal.state.claims.front().held);
  CHECK(*journal.state.schema == *JournalTable());
  CHECK(*journal.ReadAll() == UpTo(5));
}

TEST_CASE("A request is read back as it was appended, but for memory and receipt") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(0, 1);
  REQUIRE(journal.Append(WiderJournalTable(), 2, 2).ok());
  journal.AwaitSynced(3);
  const auto blocks = journal.journal().Read(1, 1 << 20);
  REQUIRE(blocks.ok());
  REQUIRE(blocks->size() == 1);  // another schema, another segment
  const QueuedBlock& refused = blocks->front();
  CHECK(refused.rows.rows() == 0);
  CHECK(DumpRejections(refused.answer.rejected) == std::vector<std::string>{"0 id null"});
  CHECK(refused.level == AckLevel::kJournal);
  const auto more = journal.journal().Read(2, 1 << 20);
  REQUIRE(more.ok());
  REQUIRE(more->size() == 1);
  const QueuedBlock original = TestRequest(WiderJournalTable(), 2, 2, 2);
  CHECK(more->front().answer.digest == original.answer.digest);
  CHECK(more->front().answer.time_ms == original.answer.time_ms);
  CHECK(more->front().answer.accepted_rows == 2);
  CHECK(*more->front().schema == *WiderJournalTable());
  CHECK(DumpBlock(*WiderJournalTable(), more->front().rows) ==
        DumpBlock(*WiderJournalTable(), original.rows));
  CHECK(journal.journal().Read(4, 1)->empty());
}

TEST_CASE("Requests that wait for a sync share the next one, in order") {
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(1);
  Mutex mutex;
  CondVar changed;
  int syncs = 0;
  bool go_on = false;
  journal.env.OnSync([&] {
    MutexLock lock(mutex);
    if (++syncs > 1) return;
    changed.NotifyAll();
    while (!go_on) changed.Wait(mutex);
  });
  REQUIRE(journal.Append(1).ok());
  {
    MutexLock lock(mutex);
    while (syncs == 0) changed.Wait(mutex);
  }
  for (int i = 0; i < 10; ++i) REQUIRE(journal.Append(2).ok());
  CHECK(journal.synced_lsn() == 1);
  {
    MutexLock lock(mutex);
    go_on = true;
    changed.NotifyAll();
  }
  journal.AwaitSynced(22);
  CHECK(journal.groups() == std::vector<size_t>{1, 1, 10});
  journal.env.OnSync(nullptr);
}

TEST_CASE("Segments follow one another and are read across") {
  JournalFixture journal(16 << 10);
  REQUIRE(journal.Open().ok());
  for (int i = 0; i < 100; ++i) journal.AppendAndAwait(20);
  CHECK(journal.journal().status().segments > 3);
  CHECK(*journal.ReadAll(1) == UpTo(2000));
  CHECK(*journal.ReadAll(1 << 20) == UpTo(2000));
  SECTION("also after a crash") {
    journal.LosePower();
    REQUIRE(journal.Open().ok());
    CHECK(journal.state.next_lsn == 2001);
  }
  SECTION("also after a close") {
    journal.Close();
    REQUIRE(journal.Open().ok());
    CHECK(journal.state.torn_bytes == 0);
  }
  CHECK(*journal.ReadAll() == UpTo(2000));
  journal.AppendAndAwait(1);
  CHECK(*journal.ReadAll() == UpTo(2001));
}

}  // namespace
}  // namespace batchsql
