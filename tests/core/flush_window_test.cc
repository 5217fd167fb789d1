#include "core/flush_window.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace batchsql {
namespace {

SlotRow Slot(uint32_t slot, Lsn from, Lsn to, Lsn frontier) {
  SlotRow row;
  row.slot = slot;
  row.from = from;
  row.to = to;
  row.frontier = frontier;
  return row;
}

TEST_CASE("A window begins where the slots' frontiers and last ranges reach together") {
  const FlushWindow none({Slot(0, 0, 0, 0), Slot(1, 0, 0, 0)});
  CHECK(none.frontier() == 0);
  CHECK(none.FirstNotCommitted(1) == 1);
  const FlushWindow joined({Slot(0, 11, 20, 10), Slot(1, 21, 30, 0)});
  CHECK(joined.frontier() == 30);
  CHECK(joined.last_lsn() == 30);
  const FlushWindow apart({Slot(0, 1, 10, 0), Slot(1, 21, 30, 0), Slot(2, 41, 50, 0)});
  CHECK(apart.frontier() == 10);
  CHECK(apart.last_lsn() == 50);
}

TEST_CASE("What lies between committed ranges is not committed") {
  const FlushWindow window({Slot(0, 1, 10, 0), Slot(1, 21, 30, 0), Slot(2, 31, 40, 0)});
  CHECK(window.FirstNotCommitted(1) == 11);
  CHECK(window.FirstNotCommitted(15) == 15);
  CHECK(window.FirstNotCommitted(21) == 41);
  CHECK(window.FirstNotCommitted(35) == 41);
  CHECK(window.FirstNotCommitted(99) == 99);
  CHECK(window.IsCommitted(10));
  CHECK_FALSE(window.IsCommitted(20));
  CHECK(window.IsCommitted(21));
  CHECK(window.CountNotCommitted(1, 40) == 10);
  CHECK(window.CountNotCommitted(15, 45) == 11);
  CHECK(window.CountNotCommitted(1, 10) == 0);
  CHECK(window.CountNotCommitted(22, 39) == 0);
}

TEST_CASE("The frontier passes a range when what was missing before it is committed") {
  FlushWindow window({Slot(0, 0, 0, 0), Slot(1, 0, 0, 0)});
  const uint32_t first = window.TakeSlot();
  const uint32_t second = window.TakeSlot();
  REQUIRE(first != second);
  CHECK_FALSE(window.HasFreeSlot());
  const SlotMove early = window.Move({}, first, 1, 10, 7);
  const SlotMove late = window.Move({}, second, 11, 20, 8);
  CHECK((late.before.to == 0 && late.after.from == 11 && late.after.to == 20));
  CHECK((late.after.frontier == 0 && late.after.attempt == 8));

  window.Committed(late);
  window.GiveBackSlot(second);
  CHECK(window.frontier() == 0);
  CHECK(window.IsCommitted(11));
  // Another range would overwrite the only trace of this one.
  CHECK_FALSE(window.HasFreeSlot());
  window.Committed(early);
  window.GiveBackSlot(first);
  CHECK(window.frontier() == 20);
  CHECK(window.HasFreeSlot());
  CHECK(window.Move({}, first, 21, 30, 9).before.to == 10);
}

std::vector<std::pair<uint32_t, Lsn>> FloorsOf(const SlotMove& move) {
  std::vector<std::pair<uint32_t, Lsn>> floors;
  for (const SlotFloor& floor : move.floors) floors.emplace_back(floor.slot, floor.to);
  return floors;
}

TEST_CASE("A move tells what the other slots committed since the claim") {
  FlushWindow window({Slot(0, 1, 10, 0), Slot(1, 0, 0, 0), Slot(2, 11, 20, 10)});
  const uint32_t first = window.TakeSlot();
  const uint32_t second = window.TakeSlot();
  const SlotMove early = window.Move({}, first, 21, 30, 1);
  const SlotMove late = window.Move({}, second, 31, 40, 2);
  CHECK(early.floors.empty());
  CHECK(late.floors.empty());
  window.Committed(late);
  window.GiveBackSlot(second);
  CHECK(FloorsOf(window.Move({}, first, 21, 30, 3)) ==
        std::vector<std::pair<uint32_t, Lsn>>{{second, 40}});
  window.Committed(early);
  window.GiveBackSlot(first);
  CHECK(FloorsOf(window.Move({}, first, 41, 50, 4)) ==
        std::vector<std::pair<uint32_t, Lsn>>{{second, 40}});
  CHECK(FloorsOf(window.Move({}, 2, 41, 50, 4)) ==
        std::vector<std::pair<uint32_t, Lsn>>{{first, 30}, {second, 40}});
}

TEST_CASE("Where one slot moves there is no other to ask for") {
  FlushWindow window({Slot(0, 0, 0, 0), Slot(1, 0, 0, 0)});
  for (Lsn lsn = 1; lsn < 5; ++lsn) {
    const uint32_t slot = window.TakeSlot();
    const SlotMove move = window.Move({}, slot, lsn, lsn, lsn);
    CHECK(move.floors.empty());
    window.Committed(move);
    window.GiveBackSlot(slot);
  }
}

TEST_CASE("What a dead process had without a journal is given up, and no more") {
  FlushWindow window({Slot(0, 11, 20, 0), Slot(1, 31, 40, 0)});
  window.GiveUpBefore(21);
  CHECK(window.frontier() == 20);
  CHECK_FALSE(window.IsCommitted(21));
  CHECK(window.IsCommitted(31));
  window.GiveUpBefore(31);
  CHECK(window.frontier() == 40);
}

TEST_CASE("What a target without a journal has lost again is given up") {
  FlushWindow window({Slot(0, 1, 10, 0), Slot(1, 0, 0, 0)});
  window.GiveUpBefore(31);
  CHECK(window.frontier() == 30);
  const uint32_t slot = window.TakeSlot();
  window.Committed(window.Move({}, slot, 31, 40, 1));
  window.GiveBackSlot(slot);
  CHECK(window.frontier() == 40);
}

TEST_CASE("The totals of a pipeline are those of all its slots") {
  std::vector<SlotRow> slots = {Slot(0, 1, 10, 0), Slot(1, 11, 20, 0)};
  slots[0].totals.committed = 7;
  slots[0].totals.refused = 3;
  slots[1].totals.committed = 10;
  const SlotTotals totals = FlushWindow(slots).totals();
  CHECK(totals.committed == 17);
  CHECK(totals.refused == 3);
}

}  // namespace
}  // namespace batchsql
