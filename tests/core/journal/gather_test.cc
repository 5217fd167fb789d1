#include <catch2/catch.hpp>

#include "core/journal/journal.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

using Urgency = Journal::Urgency;

// A journal with one synced request, and three that gather behind it.
class GatherTest : protected JournalFixture {
 protected:
  GatherTest() {
    REQUIRE(Open().ok());
    AppendAndAwait(1);
    for (int i = 0; i < 3; ++i) REQUIRE(Append(2, 0, Urgency::kGather).ok());
    clock.AwaitDeadline(clock.Now() + Journal::kGatherTime);  // the thread waits for just this
    REQUIRE(synced_lsn() == 1);
  }
};

TEST_CASE_METHOD(GatherTest, "Requests that gather are synced together when somebody hurries") {
  journal().Hurry();
  AwaitSynced(7);
  CHECK(groups() == std::vector<size_t>{1, 3});
}

TEST_CASE_METHOD(GatherTest, "Requests that gather are synced with one that cannot wait") {
  REQUIRE(Append(1).ok());
  AwaitSynced(8);
  CHECK(groups() == std::vector<size_t>{1, 4});
}

TEST_CASE_METHOD(GatherTest, "Requests that gather are synced with a claim") {
  REQUIRE(journal().AppendClaim({7, {1, 2, 3}, true}).ok());
  AwaitSynced(7);
  CHECK(groups() == std::vector<size_t>{1, 3});
}

TEST_CASE_METHOD(GatherTest, "Requests that gather are synced when their time is over") {
  clock.Advance(Journal::kGatherTime / 2);
  REQUIRE(Append(1, 0, Urgency::kGather).ok());  // does not put it off
  CHECK(synced_lsn() == 1);
  clock.Advance(Journal::kGatherTime / 2);
  AwaitSynced(8);
  CHECK(groups() == std::vector<size_t>{1, 4});
}

TEST_CASE_METHOD(GatherTest, "Requests that gather are synced when they are many") {
  const uint64_t bytes = TestRequest(JournalTable(), 1, 10'000).rows.size_bytes();
  const uint64_t count = (Journal::kGatherBytes + bytes - 1) / bytes;
  for (uint64_t i = 0; i < count; ++i) REQUIRE(Append(10'000, 0, Urgency::kGather).ok());
  AwaitSynced(7 + 10'000 * count);
}

TEST_CASE_METHOD(GatherTest, "Requests that gather are synced by a close, and are there again") {
  Close();
  CHECK(synced_lsn() == 7);
  REQUIRE(Open().ok());
  CHECK(state.next_lsn == 8);
}

TEST_CASE_METHOD(GatherTest,
                 "What gathers is lost with the process, and was not said to be synced") {
  LosePower();
  REQUIRE(Open().ok());
  CHECK(state.next_lsn == 2);
  REQUIRE(Append(1, 0, Urgency::kGather).ok());
  journal().Hurry();
  AwaitSynced(2);
}

}  // namespace
}  // namespace batchsql
