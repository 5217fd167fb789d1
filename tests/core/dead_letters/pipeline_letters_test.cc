#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using std::chrono::seconds;

TEST_CASE_METHOD(LettersPipelineTest, "A refused row is kept once, however many attempts it took") {
  StartAndOpen();
  database.ThenInDoubt(false, Refuse(3));
  database.ThenFail(ErrorClass::kRetry, "40001", 2);
  database.ThenInDoubt(false, Refuse(3));
  database.Then(Refuse(3));
  REQUIRE(Submit("a", 1, 10).ok());
  const RequestOutcome outcome = RunToAnswer("a");
  CHECK(DumpRejections(outcome.rejected) == Strings{"2 a constraint"});
  CHECK(Letters() == Strings{"23514 id=3"});
  CHECK(database.table().size() == 9);
  const PipelineStatus status = pipeline->status();
  CHECK(status.dead_lettered_rows == 1);
  CHECK(status.dead_letters == 1);
  CHECK(CountsBalance());
  const DeadLetter letter = pipeline->letters()->Get(3)->letter;
  CHECK(letter.pipeline == pipeline->id());
  CHECK(letter.first_lsn == 1);
  CHECK(letter.row == 2);
  CHECK(letter.attempt == database.writes().back().progress.slot.after.attempt);
}

TEST_CASE_METHOD(LettersPipelineTest, "A commit whose answer was lost leaves its letters live") {
  StartAndOpen();
  database.ThenInDoubt(true, Refuse(3));
  REQUIRE(Submit("a", 1, 10).ok());
  RunToAnswer("a");
  CHECK(Letters() == Strings{"23514 id=3"});
}

TEST_CASE_METHOD(LettersPipelineTest, "Letters of a commit that was left in doubt are settled") {
  const bool committed = GENERATE(true, false);
  StartAndOpen();
  database.ThenInDoubt(committed, Refuse(3));
  database.ThenResolveFails(absl::UnavailableError("away"), 1'000'000);
  REQUIRE(Submit("a", 1, 10, AckLevel::kJournal).ok());
  RunUntil([&] { return database.resolves() > 0; });
  CHECK(Letters().empty());
  Stop();
  database.Then(Refuse(3));
  StartAndOpen();
  if (!committed) RunUntil([&] { return pipeline->status().dead_letters == 1; });
  CHECK(Letters() == Strings{"23514 id=3"});
  RunUntil([&] { return pipeline->status().queued_rows == 0; });
  CHECK(CountsBalance());
  CHECK(database.table().size() == 9);
  CHECK(Letters().size() == 1);
}

class AlteredTableTest : public LettersPipelineTest {
 protected:
  // From now on `a` takes no more than 9, and there is no `b`; the next write finds out.
  void Alter() {
    Column a = TestColumn("a", ColumnType::kInt64);
    a.max = 9;
    database.ThenFail(ErrorClass::kPause, "42703");
    database.SetDescribed(TestTable({a}, Conflict::kUpdate));
  }
};

TEST_CASE_METHOD(AlteredTableTest, "A row that an altered table refuses is kept with its values") {
  StartAndOpen();
  Alter();
  database.ThenFail(ErrorClass::kRetry, "40001", 2);
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
  CHECK(pipeline->status().dead_lettered_rows == 3);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(AlteredTableTest,
                 "Rows that an altered table refuses wait for a disk that takes their letters") {
  StartAndOpen();
  Alter();
  letters_disk.FailAlways("write");
  REQUIRE(pipeline
              ->Submit(Block("mixed", {{{"id", Value::Int(1)}, {"a", Value::Int(5)}},
                                       {{"id", Value::Int(2)}, {"a", Value::Int(10)}}}))
              .ok());
  ReconcileWhenDue();
  RunUntil([&] { return pipeline->status().last_error == "dead_letters"; });
  CHECK(pipeline->status().state == PipelineState::kPaused);
  CHECK(database.table().empty());
  letters_disk.FailAlways("");
  CHECK(RunToAnswer("mixed").rejected.size() == 1);
  CHECK(Letters() == Strings{" id=2 a=10"});
  CHECK(database.table() == Strings{"id=1 a=5"});
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(LettersPipelineTest, "A batch that is halved keeps each refused row once") {
  StartAndOpen();
  Column a = TestColumn("a", ColumnType::kInt64);
  a.max = 9;
  database.Hold();
  for (int64_t id = 0; id < 5; ++id) {
    REQUIRE(pipeline
                ->Submit(Block(std::to_string(id),
                               {{{"id", Value::Int(2 * id)}, {"a", Value::Int(10)}},
                                {{"id", Value::Int(2 * id + 1)}, {"a", Value::Int(1)}}}))
                .ok());
  }
  database.ThenFail(ErrorClass::kPause, "42703");
  database.ThenFail(ErrorClass::kRetry, "40001", 6);
  database.SetDescribed(TestTable({a}, Conflict::kUpdate));
  database.Release();
  ReconcileWhenDue();
  for (int64_t id = 0; id < 5; ++id) RunToAnswer(std::to_string(id));
  CHECK(pipeline->status().dead_letters == 5);
  CHECK(pipeline->status().dead_lettered_rows == 5);
  CHECK(CountsBalance());
  CHECK(pipeline->status().queued_rows == 0);
}

TEST_CASE_METHOD(LettersPipelineTest, "Letters that find no space pause until some are purged") {
  letters_bytes_max = 8'192;
  StartAndOpen();
  for (int64_t id = 10; id < 2000; id += 10) {
    database.Then(Refuse(id));
    REQUIRE(Submit(std::to_string(id), id, 10).ok());
    RunUntil([&] {
      return answers.Has(std::to_string(id)) || pipeline->status().last_error == "dead_letters";
    });
    if (answers.Has(std::to_string(id))) continue;
    CHECK(pipeline->status().state == PipelineState::kPaused);
    CHECK(id > 20);
    database.Then(Refuse(id));
    REQUIRE(pipeline->letters()->Purge({}).ok());
    RunToAnswer(std::to_string(id));
    CHECK(Letters() == Strings{"23514 id=" + std::to_string(id)});
    CHECK(pipeline->status().state == PipelineState::kRunning);
    CHECK(CountsBalance());
    return;
  }
  FAIL("the budget was never used up");
}

class RepeatTest : public LettersPipelineTest {
 protected:
  // A request of the producer p: ids from 1 on.
  QueuedBlock Numbered(const std::string& request) {
    std::vector<TestRow> cells;
    for (int64_t id = 1; id <= 4; ++id) {
      cells.push_back({{"id", Value::Int(id)}, {"a", Value::Int(10 * id)}});
    }
    return Numbered(request, cells);
  }
  QueuedBlock Numbered(const std::string& request, const std::vector<TestRow>& cells) {
    QueuedBlock block = Block(request, cells);
    block.answer.producer_id = "p";
    block.answer.sequence = 1;
    return block;
  }
  // Repetitions are found before their rows are looked at.
  RequestOutcome Repeat(const std::string& request) {
    REQUIRE(pipeline->Submit(Numbered(request, {{{"id", Value::Int(1)}}})).ok());
    return RunToAnswer(request);
  }
  // The journal does not get to know what was refused.
  void WriteUntold() {
    database.Hold();
    database.Then(Refuse(3));
    REQUIRE(pipeline->Submit(Numbered("first")).ok());
    database.AwaitHeld(1);
    journal_disk.FailAlways("write");
    database.Release();
    CHECK(DumpRejections(RunToAnswer("first").rejected) == Strings{"2 a constraint"});
  }
};

TEST_CASE_METHOD(RepeatTest, "A process that dies after a commit still tells what was refused") {
  const bool confirmed = GENERATE(true, false);
  StartAndOpen();
  if (confirmed) {  // it dies before the journal has the answer
    WriteUntold();
  } else {  // it dies before it knows of the commit
    database.ThenInDoubt(true, Refuse(3));
    database.ThenResolveFails(absl::UnavailableError("away"), 1'000'000);
    REQUIRE(pipeline->Submit(Numbered("first")).ok());
    RunUntil([&] { return database.resolves() > 0; });
  }
  Stop();
  journal_disk.FailAlways("");
  database.ThenResolveWorks();
  for (int life = 0; life < 2; ++life) {
    StartAndOpen();
    const RequestOutcome again = Repeat("again" + std::to_string(life));
    REQUIRE(DumpRejections(again.rejected) == Strings{"2 a constraint"});
    CHECK(again.rejected.front().detail == "the database refused the row: 23514");
    // From here on the journal has it: the letter may go.
    REQUIRE(pipeline->letters()->Purge({}).ok());
    Stop();
  }
  CHECK(database.table().size() == 3);
}

TEST_CASE_METHOD(RepeatTest, "What an altered table refused is told word for word after a crash") {
  StartAndOpen();
  Column a = TestColumn("a", ColumnType::kInt64);
  a.max = 25;
  database.ThenFail(ErrorClass::kPause, "42703");
  database.SetDescribed(TestTable({a}, Conflict::kUpdate));
  database.ThenInDoubt(true, Refuse(1));
  database.ThenResolveFails(absl::UnavailableError("away"), 1'000'000);
  REQUIRE(pipeline->Submit(Numbered("first")).ok());
  ReconcileWhenDue();
  RunUntil([&] { return database.resolves() > 0; });
  Stop();
  database.ThenResolveWorks();
  StartAndOpen();
  const std::vector<RowRejection> rejected = Repeat("again").rejected;
  CHECK(DumpRejections(rejected) ==
        Strings{"0 a constraint", "2 a out_of_range", "3 a out_of_range"});
  REQUIRE_FALSE(rejected.empty());
  CHECK_FALSE(rejected.back().detail.empty());
}

TEST_CASE_METHOD(RepeatTest, "A target that moved back is not told what its lost commit refused") {
  StartAndOpen();
  const std::vector<SlotRow> before = database.slots(pipeline->id());
  WriteUntold();
  const Uuid id = pipeline->id();
  Stop();
  journal_disk.FailAlways("");
  database.SetSlots(id, before);
  StartAndOpen();  // row 3 is good by now
  CHECK(Repeat("again").rejected.empty());
  CHECK(database.table().size() == 7);
  CHECK(Letters().size() == 1);
}

TEST_CASE_METHOD(LettersPipelineTest, "A commit waits until its letters are confirmed") {
  StartAndOpen();
  database.Hold();
  database.Then(Refuse(3));
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitHeld(1);
  // The letters' write succeeds, and from then on no sync does.
  const uint64_t syncs = letters_disk.count("sync");
  letters_disk.OnSync([&, syncs] {
    if (letters_disk.count("sync") >= syncs + 2) letters_disk.FailAlways("sync");
  });
  database.Release();
  RunUntil([&] { return pipeline->status().last_error == "dead_letters"; });
  CHECK_FALSE(answers.Has("a"));
  CHECK(pipeline->status().committed_rows == 0);
  letters_disk.OnSync(nullptr);
  letters_disk.FailAlways("");
  RunToAnswer("a");
  CHECK(Letters() == Strings{"23514 id=3"});
}

}  // namespace
}  // namespace batchsql
