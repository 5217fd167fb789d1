// What becomes of rows, and of who waits for them, where a pipeline stops or has lost its place.

#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"
#include "tests/support/gate.h"

namespace batchsql {
namespace {

class EndTest : public LettersPipelineTest {
 protected:
  PipelineState state() const { return pipeline->status().state; }

  // Ends a process that has journaled these rows while the database was away.
  void LeaveRows(int64_t id, int64_t rows) {
    StartAndOpen();
    database.ThenFail(ErrorClass::kReconnect, "08006", 1'000);
    REQUIRE(Submit("left", id, rows, AckLevel::kJournal).ok());
    RunUntil([&] { return pipeline->status().last_error == "08006"; });
    Stop();
    database.ThenSucceed();
  }
  void SubmitWithMemory(const std::string& request, int64_t id) {
    QueuedBlock block = Block(request, {{{"id", Value::Int(id)}}});
    block.memory = budget.Take(1'000);
    const absl::Status submitted = pipeline->Submit(std::move(block)).status();
    REQUIRE(submitted.ok());
  }
  // Somebody else takes the pipeline over.
  void ClaimByAnother() {
    std::vector<SlotRow> slots = database.slots(pipeline->id());
    const Uuid token = NewUuid();
    for (SlotRow& slot : slots) {
      ++slot.epoch;
      slot.token = token;
    }
    database.SetSlots(pipeline->id(), slots);
  }
  bool Wrote(const std::string& row) {
    const Strings rows = database.table();
    return std::count(rows.begin(), rows.end(), row) == 1;
  }
};

TEST_CASE_METHOD(EndTest,
                 "A journal that cannot be read for a while delays its rows, and is not "
                 "asked without a pause") {
  LeaveRows(1, 30);
  Start();
  journal_disk.FailAlways("read");
  const uint64_t before = journal_disk.count("read");
  REQUIRE(Open().ok());
  RunUntil([&] { return state() == PipelineState::kRetrying; });
  for (int i = 0; i < 200; ++i) {
    clock.Advance(std::chrono::milliseconds(100));
    std::this_thread::yield();
  }
  CHECK(journal_disk.count("read") - before <= 200);
  CHECK(pipeline->status().queued_rows == 30);
  journal_disk.FailAlways("");
  RunUntil([&] { return database.table().size() == 30; });
  RunUntil([&] { return state() == PipelineState::kRunning; });
}

TEST_CASE_METHOD(EndTest, "A pipeline that is taken over answers all who wait and frees memory") {
  StartAndOpen();
  database.Hold();
  SubmitWithMemory("in flight", 1);
  database.AwaitHeld(1);
  SubmitWithMemory("queued", 2);
  ClaimByAnother();
  database.Release();
  for (const char* request : {"in flight", "queued"}) {
    CHECK(absl::IsUnavailable(RunToAnswer(request).status));
  }
  CHECK(state() == PipelineState::kStopped);
  RunUntil([&] { return budget.used_bytes() == 0; });
  CHECK(pipeline->status().queued_rows == 2);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(EndTest, "A request that is repeated to a stopped pipeline is answered at once") {
  StartAndOpen();
  database.Hold();
  QueuedBlock first = Block("first", {{{"id", Value::Int(1)}}});
  first.answer.producer_id = "producer";
  first.answer.sequence = 1;
  QueuedBlock again = Block("again", {});
  again.answer = first.answer;
  const absl::Status submitted = pipeline->Submit(std::move(first)).status();
  REQUIRE(submitted.ok());
  database.AwaitHeld(1);
  ClaimByAnother();
  database.Release();
  CHECK(absl::IsUnavailable(RunToAnswer("first").status));
  RunUntil([&] { return state() == PipelineState::kStopped; });
  REQUIRE(pipeline->FindRepeated(again, again.receipt).ok());
  REQUIRE(answers.Has("again"));
  CHECK(absl::IsUnavailable(answers.Await("again").status));
}

TEST_CASE_METHOD(EndTest, "A stopped pipeline does not ask the database again and again") {
  StartAndOpen();
  ClaimByAnother();
  REQUIRE(Submit("a", 1).ok());
  RunToAnswer("a");
  RunUntil([&] { return state() == PipelineState::kStopped; });
  const size_t describes = database.describes();
  for (int i = 0; i < 300; ++i) {
    clock.Advance(std::chrono::milliseconds(100));
    std::this_thread::yield();
  }
  CHECK(database.describes() == describes);
}

TEST_CASE_METHOD(EndTest, "A fence while rows are read back costs none of them") {
  database.SetDescribed(TestTableAB(Conflict::kInsert));
  options.flushers = 2;
  StartAndOpen();
  const std::vector<SlotRow> old = database.slots(pipeline->id());
  REQUIRE(Submit("committed", 1).ok());
  RunToAnswer("committed");
  RunUntil([&] { return pipeline->status().inflight_flushes == 0; });  // so its slot is the next
  database.Hold();
  REQUIRE(Submit("fenced", 2).ok());
  database.AwaitHeld(1);
  // Memory is short, so what comes now is left in the journal, and read back at once.
  Gate reading;
  journal_disk.OnRead([&] { reading.Enter(); });
  Budget::Reservation memory = budget.Take(budget.bytes_max() / 2 + 1);
  REQUIRE(Submit("left", 3).ok());
  reading.AwaitEntered();
  database.SetSlots(pipeline->id(), old);
  database.Release();
  RunUntil([&] { return pipeline->status().last_error == "fenced"; });
  reading.Open();
  CHECK(RunToAnswer("fenced").status.ok());
  CHECK(RunToAnswer("left").status.ok());
  CHECK(Wrote("id=2"));
  CHECK(Wrote("id=3"));
}

TEST_CASE_METHOD(EndTest, "A target that moved back gets its rows though their grace was over") {
  StartAndOpen();
  const std::vector<SlotRow> old = database.slots(pipeline->id());
  // A segment for the claim before there is a schema, one full of rows, and the last.
  int64_t id = 1;
  while (pipeline->status().journal_segments < 3) {
    REQUIRE(Submit(std::to_string(id), id, 1'000).ok());
    RunToAnswer(std::to_string(id));
    id += 1'000;
  }
  clock.Advance(std::chrono::minutes(9));
  database.SetSlots(pipeline->id(), old);
  database.Hold();
  REQUIRE(Submit("late", id).ok());
  database.AwaitHeld(1);
  clock.Advance(std::chrono::minutes(2));
  database.Release();
  CHECK(RunToAnswer("late").status.ok());
  CHECK(static_cast<int64_t>(database.table().size()) == 2 * (id - 1) + 1);
}

}  // namespace
}  // namespace batchsql
