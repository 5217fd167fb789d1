// What a pipeline makes of requests that are repeated, or on their way, in the moments between two
// of its steps.

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "tests/core/dead_letters/letters_fixture.h"
#include "tests/support/gate.h"

namespace batchsql {
namespace {

// Runs a test's hook in calls of Now on the arming thread until it returns true.
class HookedClock : public Clock {
 public:
  explicit HookedClock(Clock* clock) : clock_(clock) {}

  TimePoint Now() override {
    if (armed_by_.load() == std::this_thread::get_id()) {
      armed_by_ = std::thread::id();  // the hook may ask for the time itself
      if (!hook_()) armed_by_ = std::this_thread::get_id();
    }
    return clock_->Now();
  }
  void WaitUntil(CondVar& condition, Mutex& mutex, TimePoint deadline) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    clock_->WaitUntil(condition, mutex, deadline);
  }
  void Arm(std::function<bool()> hook) {
    hook_ = std::move(hook);
    armed_by_ = std::this_thread::get_id();
  }

 private:
  Clock* const clock_;
  std::function<bool()> hook_;  // the arming thread's
  std::atomic<std::thread::id> armed_by_;
};

class RepeatTest : public LettersPipelineTest {
 protected:
  // A producer's first request: rows with the ids 1 to 5.
  QueuedBlock First(const std::string& request) {
    QueuedBlock block = Block(request, {});
    std::vector<TestRow> rows;
    for (int64_t id = 1; id <= 5; ++id) rows.push_back({{"id", Value::Int(id)}});
    block.rows = BuildBlock(*block.schema, rows);
    block.answer.producer_id = "producer";
    block.answer.sequence = 1;
    block.answer.digest = DigestOf("its bytes");
    return block;
  }
  // Sends it again; the answer at level DATABASE comes under the name `request`.
  bool Repeat(const std::string& request) {
    QueuedBlock block = First(request);
    const absl::StatusOr<std::optional<Submitted>> found =
        pipeline->FindRepeated(block, block.receipt);
    return found.ok() && found->has_value() && (*found)->rows == 5;
  }
  // Returns when the row is synced; the journal's thread stands still before it is queued.
  void SubmitBehind(Gate& gate, const std::string& request, int64_t id) {
    QueuedBlock block = Block(request, {{{"id", Value::Int(id)}}});
    block.receipt.Dismiss();
    block.receipt = Receipt([listener = answers.For(request), &gate](
                                AckLevel reached, const RequestOutcome& outcome) mutable {
      if (reached == AckLevel::kJournal) gate.Enter();
      listener(reached, outcome);
    });
    const absl::Status submitted = pipeline->Submit(std::move(block)).status();
    REQUIRE(submitted.ok());
    gate.AwaitEntered();
  }
};

TEST_CASE_METHOD(RepeatTest,
                 "A request repeated before the claim is answered when it turns out committed") {
  StartAndOpen();
  database.Then(Refuse(3));
  REQUIRE(pipeline->Submit(First("original")).ok());
  CHECK(DumpRejections(RunToAnswer("original").rejected) == Strings{"2 a constraint"});
  Stop();

  Start();
  REQUIRE(Repeat("repeated"));
  CHECK_FALSE(answers.Has("repeated"));
  REQUIRE(Open().ok());
  REQUIRE(answers.Has("repeated"));
  const RequestOutcome outcome = answers.Await("repeated");
  CHECK(outcome.status.ok());
  CHECK(DumpRejections(outcome.rejected) == Strings{"2 a constraint"});
  CHECK(database.writes().size() == 1);
}

TEST_CASE_METHOD(RepeatTest, "A request repeated just after the commit is told the refused rows") {
  HookedClock hooked(&clock);
  Make(&hooked);
  REQUIRE(Open().ok());
  bool repeated = false;
  bool answered_at_once = false;
  // Between the commit and the answer to the original, the time of the flush is taken.
  database.Then([&](const WritePlan& plan) {
    hooked.Arm([&] {
      if (pipeline->status().committed_rows == 0) return false;
      repeated = Repeat("repeated");
      answered_at_once = answers.Has("repeated");
      return true;
    });
    return Refuse(3)(plan);
  });
  REQUIRE(pipeline->Submit(First("original")).ok());
  CHECK(DumpRejections(RunToAnswer("original").rejected) == Strings{"2 a constraint"});
  CHECK(repeated);
  CHECK(answered_at_once);
  CHECK(DumpRejections(answers.Await("repeated").rejected) == Strings{"2 a constraint"});
  pipeline.reset();
}

TEST_CASE_METHOD(RepeatTest, "A row that is synced and not yet queued is not read back as well") {
  StartAndOpen();
  database.Hold();
  REQUIRE(Submit("first", 1).ok());
  database.AwaitHeld(1);
  // Memory is short, so what comes now is left in the journal.
  Budget::Reservation memory = budget.Take(budget.bytes_max() / 2 + 1);
  Gate left;
  SubmitBehind(left, "left", 2);
  left.Open();
  Gate on_its_way;
  SubmitBehind(on_its_way, "on its way", 3);

  database.Release();
  CHECK(RunToAnswer("left").status.ok());
  CHECK(database.table() == Strings{"id=1", "id=2"});
  on_its_way.Open();
  CHECK(RunToAnswer("on its way").status.ok());
  RunUntil([&] { return pipeline->status().queued_rows == 0; });
  CHECK(database.table() == Strings{"id=1", "id=2", "id=3"});
  CHECK(CountsBalance());
}

}  // namespace
}  // namespace batchsql
