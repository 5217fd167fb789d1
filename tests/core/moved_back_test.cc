#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

// Two flushes may be in flight, and the target moves back: as when an asynchronous replica takes
// over that lacks the last commits.
class MovedBackTest : public LettersPipelineTest {
 protected:
  MovedBackTest() {
    database.SetDescribed(TestTableAB(Conflict::kInsert));
    options.flushers = 2;
  }

  // Rows 1 to 10 and 11 to 20, which are the LSNs, too.
  void WriteThroughTwoSlots() {
    database.Hold();
    REQUIRE(Submit("a", 1, 10).ok());
    REQUIRE(Submit("b", 11, 10).ok());
    database.AwaitHeld(2);
    database.Release();
    for (const char* request : {"a", "b"}) REQUIRE(RunToAnswer(request).status.ok());
  }

  // The slot that committed the range is as the claim left it; the others stay.
  void Lose(Lsn from) {
    std::vector<SlotRow> slots = database.slots(pipeline->id());
    const auto lost = std::find_if(slots.begin(), slots.end(),
                                   [from](const SlotRow& row) { return row.from == from; });
    REQUIRE(lost != slots.end());
    *lost = {lost->slot, lost->epoch, lost->token};
    database.SetSlots(pipeline->id(), slots);
  }

  // Those behind the first `count` that were written, sorted.
  Strings TableBehind(size_t count) {
    Strings rows = database.table();
    rows.erase(rows.begin(), rows.begin() + static_cast<Strings::difference_type>(count));
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  static Strings Rows(int64_t first, int64_t last) {
    Strings rows;
    for (int64_t id = first; id <= last; ++id) rows.push_back("id=" + std::to_string(id));
    std::sort(rows.begin(), rows.end());
    return rows;
  }
};

TEST_CASE_METHOD(MovedBackTest, "What any slot of a target that moved back lost is written again") {
  const Lsn lost = GENERATE(1, 11);
  StartAndOpen();
  WriteThroughTwoSlots();
  Lose(lost);
  REQUIRE(Submit("c", 21, 5).ok());
  CHECK(RunToAnswer("c").status.ok());
  RunUntil([&] { return pipeline->status().queued_rows == 0; });
  Strings expected = Rows(static_cast<int64_t>(lost), static_cast<int64_t>(lost) + 9);
  for (const std::string& row : Rows(21, 25)) expected.push_back(row);
  std::sort(expected.begin(), expected.end());
  CHECK(TableBehind(20) == expected);
  CHECK(database.claims() == 2);
  CHECK(pipeline->status().recovered_rows == 10);
  CHECK(CountsBalance());
  // And nothing is left for the next process.
  Stop();
  StartAndOpen();
  CHECK(pipeline->status().queued_rows == 0);
}

TEST_CASE_METHOD(MovedBackTest,
                 "Without a journal the rows behind what any slot lost are written") {
  with_journal = false;
  StartAndOpen();
  WriteThroughTwoSlots();
  Lose(GENERATE(1, 11));
  for (int64_t id = 21; id <= 60; ++id) {
    const std::string request = std::to_string(id);
    REQUIRE(Submit(request, id).ok());
    CHECK(RunToAnswer(request).status.ok());
  }
  CHECK(TableBehind(20) == Rows(21, 60));
}

TEST_CASE_METHOD(MovedBackTest,
                 "Flushes beside each other in a target that stands are not fenced") {
  StartAndOpen();
  constexpr int64_t kRequests = 200;
  for (int64_t id = 1; id <= kRequests; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  for (int64_t id = 1; id <= kRequests; ++id) {
    CHECK(RunToAnswer(std::to_string(id)).status.ok());
  }
  CHECK(database.claims() == 1);
  CHECK(TableBehind(0) == Rows(1, kRequests));
}

}  // namespace
}  // namespace batchsql
