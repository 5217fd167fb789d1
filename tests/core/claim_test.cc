#include "core/claim.h"

#include <catch2/catch.hpp>

namespace batchsql {
namespace {

constexpr Uuid kToken{7};

SlotRow Slot(uint32_t slot, Lsn from, Lsn to, Lsn frontier) {
  return {slot, 1, kToken, from, to, frontier, 0};
}

JournalExtent Journal(Lsn first_lsn, Lsn next_lsn) {
  return {{{1, kToken, true}}, first_lsn, next_lsn};
}

TEST_CASE("A journal that was trimmed up to the slots' last ranges may be claimed") {
  // Each slot recorded the frontier as it was before its own range.
  const std::vector<SlotRow> slots = {Slot(0, 1, 10, 0), Slot(1, 11, 20, 0), Slot(2, 31, 40, 10)};
  CHECK(NextEpoch(Journal(21, 41), slots).value() == 2);
  CHECK(NextEpoch(Journal(1, 41), slots).value() == 2);
}

TEST_CASE("A target that moved back further than the journal reaches is a possible loss") {
  const std::vector<SlotRow> slots = {Slot(0, 1, 10, 0), Slot(1, 11, 20, 0), Slot(2, 31, 40, 10)};
  const absl::StatusOr<uint64_t> epoch = NextEpoch(Journal(22, 41), slots);
  CHECK(epoch.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(epoch.status().message().find("moved back to LSN 20, but the journal begins at 22") !=
        absl::string_view::npos);
}

TEST_CASE("Rows of the target beyond the journal's end are a fork") {
  const std::vector<SlotRow> slots = {Slot(0, 1, 10, 0), Slot(1, 31, 40, 10)};
  CHECK(NextEpoch(Journal(1, 41), slots).value() == 2);
  CHECK(NextEpoch(Journal(1, 40), slots).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("A target that lost the slots of a journal that held them is a fork") {
  CHECK(NextEpoch(Journal(1, 41), {}).status().code() == absl::StatusCode::kFailedPrecondition);
  // A claim that was announced and never answered may not have reached the target.
  CHECK(NextEpoch({{{1, kToken, false}}, 1, 41}, {}).value() == 2);
  CHECK(NextEpoch({{}, 1, 1}, {}).value() == 1);
}

TEST_CASE("A claim that the journal does not know is another daemon's, or a copy's") {
  std::vector<SlotRow> slots = {Slot(0, 1, 10, 0)};
  const auto message = [&] {
    return std::string(NextEpoch(Journal(1, 41), slots).status().message());
  };
  slots[0].epoch = 2;
  CHECK(message().find("fenced: another daemon") == 0);
  slots[0].epoch = 1;
  slots[0].token = Uuid{8};
  CHECK(message().find("fork: the target was claimed with a token") == 0);
}

}  // namespace
}  // namespace batchsql
