#include <catch2/catch.hpp>
#include <future>

#include "server/letter_replay.h"
#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using absl::StatusCode;

// Without a journal: the letters are in the (fake) target.
class TargetLettersTest : public LettersPipelineTest {
 protected:
  TargetLettersTest() { with_journal = false; }

  std::vector<LetterRow> Rows() { return database.letters(options.id); }

  void StartWithLetter() {
    StartAndOpen();
    database.Then(Refuse(1));
    REQUIRE(pipeline->Submit(Block("bad", {{{"id", Value::Int(1)}, {"a", Value::Int(7)}}})).ok());
    RunToAnswer("bad");
    REQUIRE(Letters() == Strings{"23514 id=1 a=7"});
  }
  std::future<ReplayOutcome> StartReplay(const std::string& row_json = "", uint64_t id = 1) {
    return std::async(std::launch::async, [=, this] {
      return ReplayLetters(*pipeline, budget, {}, {{id, row_json}}).front();
    });
  }
  ReplayOutcome Replay(const std::string& row_json = "", uint64_t id = 1) {
    std::future<ReplayOutcome> replay = StartReplay(row_json, id);
    RunUntil([&] { return replay.wait_for(Duration::zero()) == std::future_status::ready; });
    return replay.get();
  }
};

TEST_CASE_METHOD(TargetLettersTest, "The attempt that commits writes the letters, once") {
  StartAndOpen();
  database.ThenInDoubt(false, Refuse(3));
  database.ThenFail(ErrorClass::kRetry, "40001", 2);
  database.ThenInDoubt(false, Refuse(3));
  if (GENERATE(true, false)) {
    database.Then(Refuse(3));
  } else {
    database.ThenInDoubt(true, Refuse(3));
  }
  REQUIRE(Submit("a", 1, 10).ok());
  CHECK(DumpRejections(RunToAnswer("a").rejected) == Strings{"2 a constraint"});
  CHECK(Letters() == Strings{"23514 id=3"});
  CHECK(Rows().size() == 1);
  CHECK(database.table().size() == 9);
  const PipelineStatus status = pipeline->status();
  CHECK(status.dead_lettered_rows == 1);
  CHECK(status.dead_letters == 1);
  CHECK(space->budget().used_bytes() == Rows().front().bytes());
  CHECK(CountsBalance());
  const DeadLetter letter = pipeline->letters()->Get(3)->letter;  // the row's LSN
  CHECK(letter.pipeline == pipeline->id());
  CHECK(letter.first_lsn == 1);
  CHECK(letter.row == 2);
  CHECK(letter.attempt == database.writes().back().progress.slot.after.attempt);
}

TEST_CASE_METHOD(TargetLettersTest,
                 "Letters' ids are their rows' LSNs, also behind rejected rows") {
  StartAndOpen();
  database.Then(Refuse(1));
  REQUIRE(Submit("a", 1, 3).ok());
  RunToAnswer("a");
  QueuedBlock block = Block("b", {{{"id", Value::Int(5)}}});
  BuiltRows built = BuildRows(*block.schema, {{{"id", Value::Int(5)}},
                                              {{"id", Value::Text("x")}},
                                              {{"id", Value::Int(6)}},
                                              {{"id", Value::Int(7)}}});
  block.rows = *std::move(built.block);
  block.answer.rejected = std::move(built.rejected);
  database.Then(Refuse(7));
  const absl::Status submitted = pipeline->Submit(std::move(block)).status();
  REQUIRE(submitted.ok());
  RunToAnswer("b");
  REQUIRE(Rows().size() == 2);
  CHECK(Rows()[0].id == 1);
  CHECK(Rows()[1].id == 6);
  CHECK(pipeline->letters()->Get(6)->letter.row == 3);
}

TEST_CASE_METHOD(TargetLettersTest, "Rows that an altered table refuses are letters too") {
  StartAndOpen();
  Column a = TestColumn("a", ColumnType::kInt64);
  a.max = 9;
  database.ThenFail(ErrorClass::kPause, "42703");
  database.ThenFail(ErrorClass::kRetry, "40001", 2);
  database.SetDescribed(TestTable({a}, Conflict::kUpdate));
  database.Then(Refuse(4));
  REQUIRE(pipeline
              ->Submit(Block("mixed", {{{"id", Value::Int(1)}, {"a", Value::Int(5)}},
                                       {{"id", Value::Int(2)}, {"a", Value::Int(10)}},
                                       {{"id", Value::Int(3)}, {"b", Value::Int(1)}},
                                       {{"id", Value::Int(4)}, {"a", Value::Int(6)}}}))
              .ok());
  database.Then(Refuse(4));
  ReconcileWhenDue();
  CHECK(RunToAnswer("mixed").rejected.size() == 3);
  CHECK(Letters() == Strings{" id=2 a=10", " id=3 b=1", "23514 id=4 a=6"});
  CHECK(pipeline->letters()->totals().live_by_reason.at(RejectReason::kUnknownColumn) == 1);
  CHECK(pipeline->status().dead_letters == 3);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(TargetLettersTest, "A replay that does not fit an altered table waits") {
  StartWithLetter();
  database.ThenFail(ErrorClass::kPause, "42703");
  database.SetDescribed(TestTable({TestColumn("b", ColumnType::kInt64)}, Conflict::kUpdate));
  std::future<ReplayOutcome> replay = StartReplay();
  RunUntil([&] { return pipeline->status().last_error == "schema_drift"; });
  REQUIRE(Rows().size() == 1);
  CHECK(Rows()[0].state == LetterState::kLive);
  SECTION("for its column") {
    database.SetDescribed(TestTableAB(Conflict::kUpdate));
    RunUntil([&] { return replay.wait_for(Duration::zero()) == std::future_status::ready; });
    CHECK(database.table() == Strings{"id=1 a=7"});
    CHECK(Rows().size() == 1);
  }
  SECTION("for a decision, which makes a new letter of it") {
    REQUIRE(pipeline->Reconcile({}).ok());
    RunUntil([&] { return replay.wait_for(Duration::zero()) == std::future_status::ready; });
    CHECK(database.table().empty());
    REQUIRE(Rows().size() == 2);
    CHECK(Rows()[1].state == LetterState::kLive);
    CHECK(Letters() == Strings{" id=1 a=7"});
  }
  CHECK(replay.get().status.ok());
  CHECK(Rows()[0].state == LetterState::kReplayed);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(TargetLettersTest, "A new process finds the letters and their bytes") {
  StartWithLetter();
  const uint64_t bytes = space->budget().used_bytes();
  Stop();
  StartAndOpen();
  CHECK(pipeline->status().dead_letters == 1);
  CHECK(space->budget().used_bytes() == bytes);
  CHECK(Letters() == Strings{"23514 id=1 a=7"});
  CHECK(pipeline->letters()->Purge({}).value() == 1);
  CHECK(pipeline->status().dead_letters == 0);
  CHECK(space->budget().used_bytes() == 0);
}

TEST_CASE_METHOD(TargetLettersTest, "A pipeline that was replaced leaves the budget to the next") {
  StartWithLetter();
  const uint64_t bytes = space->budget().used_bytes();
  const std::unique_ptr<Pipeline> replaced = std::move(pipeline);
  replaced->Drain(clock.Now());
  CHECK(space->budget().used_bytes() == 0);
  pipeline = std::make_unique<Pipeline>(
      options, target.get(), pipeline_metrics, &clock, &budget, nullptr,
      std::make_unique<TargetLetters>(target.get(), options.id, &space->budget()));
  REQUIRE(Open().ok());
  CHECK(space->budget().used_bytes() == bytes);
  REQUIRE(replaced->letters()->List({}).ok());  // whoever still has it
  CHECK(replaced->letters()->totals().live == 1);
  CHECK(space->budget().used_bytes() == bytes);
}

TEST_CASE_METHOD(TargetLettersTest, "Letters in the target pause where the budget is used up") {
  letters_bytes_max = 700;
  StartAndOpen();
  database.Then(Refuse(1));
  REQUIRE(Submit("a", 1, 2).ok());
  RunToAnswer("a");
  for (int i = 0; i < 2; ++i) database.Then(Refuse(3));
  REQUIRE(Submit("b", 3, 2).ok());
  const bool purged = GENERATE(true, false);
  if (answers.Has("b")) FAIL("the budget was not used up");
  RunUntil([&] { return pipeline->status().last_error == "dead_letters"; });
  CHECK(pipeline->status().state == PipelineState::kPaused);
  CHECK(database.table() == Strings{"id=2"});
  for (int i = 0; i < 100; ++i) database.Then(Refuse(3));
  if (purged) {
    REQUIRE(pipeline->letters()->Purge({}).ok());
  } else {
    database.RemoveLetters(options.id);  // behind the daemon's back
  }
  RunToAnswer("b");
  CHECK(Letters() == Strings{"23514 id=3"});
  CHECK(pipeline->status().state == PipelineState::kRunning);
  CHECK(pipeline->status().dead_letters == 1);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(TargetLettersTest, "Replayed letters give way to new ones") {
  letters_bytes_max = 700;
  StartWithLetter();
  CHECK(Replay().status.ok());
  for (int i = 0; i < 100; ++i) database.Then(Refuse(3));
  REQUIRE(Submit("b", 3, 2).ok());
  RunToAnswer("b");
  CHECK(Letters(true) == Strings{"23514 id=3"});
}

TEST_CASE_METHOD(TargetLettersTest, "A replayed row is written once, with its letter's mark") {
  StartWithLetter();
  const bool in_doubt = GENERATE(true, false);
  if (in_doubt) {
    database.ThenInDoubt(false);
    database.ThenInDoubt(true);
  }
  const ReplayOutcome first = Replay(R"({"id": 1, "a": 8})");
  CHECK(first.status.ok());
  CHECK_FALSE(first.repeated);
  CHECK(database.writes().back().progress.letters.replayed == std::vector<uint64_t>{1});
  CHECK(pipeline->status().dead_letters == 0);
  CHECK(pipeline->status().replayed_rows == 1);
  CHECK(Replay().repeated);
  Stop();
  StartAndOpen();
  CHECK(Replay().repeated);
  CHECK(Replay("", 99).status.code() == StatusCode::kNotFound);
  CHECK(database.table() == Strings{"id=1 a=8"});
  CHECK(Letters().empty());
  CHECK(Letters(true).size() == 1);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(TargetLettersTest, "A replay is forgiven when its row is committed, and once") {
  StartWithLetter();
  REQUIRE(Submit("b", 5, 3).ok());
  RunToAnswer("b");
  CHECK(pipeline->ended_last_hour() == EndedRows::Counts{3, 1});
  SECTION("The row is written") {
    CHECK(Replay().status.ok());
    CHECK(pipeline->ended_last_hour() == EndedRows::Counts{4, 0});
    CHECK(Replay().repeated);
    CHECK(pipeline->ended_last_hour() == EndedRows::Counts{4, 0});
  }
  SECTION("The row is refused again") {
    database.Then(Refuse(1));
    CHECK(Replay().status.ok());
    CHECK(pipeline->ended_last_hour() == EndedRows::Counts{3, 1});
  }
  SECTION("The letter went meanwhile") {
    database.Hold();
    std::future<ReplayOutcome> replay = StartReplay();
    database.AwaitHeld(1);
    database.RemoveLetters(options.id);
    database.Release();
    RunUntil([&] { return replay.wait_for(Duration::zero()) == std::future_status::ready; });
    CHECK(replay.get().status.code() == StatusCode::kAborted);
    CHECK(pipeline->ended_last_hour() == EndedRows::Counts{3, 1});
  }
}

TEST_CASE_METHOD(TargetLettersTest, "A replay that is asked for while it is under way is one") {
  StartWithLetter();
  database.Hold();
  std::future<ReplayOutcome> first = StartReplay();
  database.AwaitHeld(1);
  std::future<ReplayOutcome> second = StartReplay();
  RunUntil([&] { return pipeline->status().deduplicated_rows == 1; });
  database.Release();
  CHECK(first.get().status.ok());
  CHECK(second.get().status.ok());
  CHECK(database.table() == Strings{"id=1 a=7"});
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(TargetLettersTest, "A replay that is refused again is a new letter") {
  StartWithLetter();
  database.Then(Refuse(1));
  CHECK(Replay().status.ok());
  REQUIRE(Rows().size() == 2);
  CHECK(Rows()[0].state == LetterState::kReplayed);
  CHECK(Rows()[1].state == LetterState::kLive);
  CHECK(pipeline->letters()->Get(2)->letter.producer_id == ReplayProducer(pipeline->id(), 1));
  CHECK(pipeline->status().dead_letters == 1);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(TargetLettersTest, "A replay whose letter went meanwhile is not written") {
  StartWithLetter();
  database.Hold();
  std::future<ReplayOutcome> replay = StartReplay();
  database.AwaitHeld(1);
  std::future<ReplayOutcome> repeated = StartReplay();
  RunUntil([&] { return pipeline->status().deduplicated_rows == 1; });
  REQUIRE(Submit("other", 5).ok());
  database.RemoveLetters(options.id);
  database.Release();
  CHECK(replay.get().status.code() == StatusCode::kAborted);
  CHECK(repeated.get().status.code() == StatusCode::kAborted);
  CHECK(RunToAnswer("other").status.ok());
  CHECK(Replay().status.code() == StatusCode::kNotFound);
  RunUntil([&] { return pipeline->status().queued_rows == 0; });
  CHECK(database.table() == Strings{"id=5"});
  CHECK(pipeline->status().rejected_rows == 1);
  CHECK(CountsBalance());
  CHECK(budget.used_bytes() == 0);
}

}  // namespace
}  // namespace batchsql
