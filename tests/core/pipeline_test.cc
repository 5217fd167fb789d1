#include "core/pipeline.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/core/pipeline_fixture.h"

namespace batchsql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AppendOnlyPipelineTest : public PipelineTest {
 protected:
  AppendOnlyPipelineTest() : PipelineTest(TestTableAB(Conflict::kInsert)) {}
};

TEST_CASE_METHOD(PipelineTest, "A batch closes on age, and not before") {
  MakeAndOpen();
  REQUIRE(Submit("a", 1).ok());
  clock.AwaitDeadline(clock.Now() + kLinger);
  clock.Advance(kLinger - milliseconds(1));
  REQUIRE(Submit("b", 2).ok());  // wakes the flusher: still too early
  clock.AwaitDeadline(clock.Now() + milliseconds(1));
  CHECK(database.writes().empty());
  clock.Advance(milliseconds(1));
  CHECK(answers.Await("a").status.ok());
  CHECK(answers.Await("b").status.ok());
  CHECK(database.writes().size() == 1);
  CHECK(Written(0) == Strings{"id=1", "id=2"});
}

TEST_CASE_METHOD(PipelineTest, "A batch closes on rows at once") {
  MakeAndOpen();
  for (int64_t id = 0; id < 10; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  CHECK(answers.Await("9").status.ok());
  CHECK(Written(0).size() == 10);
}

TEST_CASE_METHOD(PipelineTest, "A batch closes on bytes at once") {
  options.batch.bytes_max = 1;
  MakeAndOpen();
  REQUIRE(Submit("a", 1).ok());
  CHECK(answers.Await("a").status.ok());
}

TEST_CASE_METHOD(PipelineTest, "DATABASE is answered after the commit, never before") {
  MakeAndOpen();
  database.Hold();
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitHeld(1);
  CHECK_FALSE(answers.Has("a"));
  CHECK(pipeline->status().queued_rows == 10);
  database.Release();
  CHECK(answers.Await("a").status.ok());
  CHECK(pipeline->status().committed_rows == 10);
  CHECK(pipeline->status().state == PipelineState::kRunning);
}

TEST_CASE_METHOD(PipelineTest, "What a client was told is counted when it is told") {
  MakeAndOpen();
  for (int64_t i = 0; i < 50; ++i) {
    const std::string request = std::to_string(i);
    REQUIRE(Submit(request, 1, 10).ok());
    answers.Await(request);
    REQUIRE(pipeline->status().committed_rows == static_cast<uint64_t>(i + 1) * 10);
    REQUIRE(pipeline->status().queued_rows == 0);
  }
}

TEST_CASE_METHOD(PipelineTest, "Rows that the database refused are told by their own request") {
  MakeAndOpen();
  database.Then([](const WritePlan& plan) {
    WriteOutcome outcome = FakeDatabase::Committed(plan);
    const DatabaseError error = {ErrorClass::kRow, "23514", "", RejectReason::kConstraint, "a"};
    outcome.failures = {{{1, 2}, error}, {{1, 0}, error}};
    return outcome;
  });
  REQUIRE(Submit("a", 1, 5).ok());
  REQUIRE(Submit("b", 6, 5).ok());
  CHECK(answers.Await("a").rejected.empty());
  const RequestOutcome b = answers.Await("b");
  CHECK(b.status.ok());
  CHECK(DumpRejections(b.rejected) == Strings{"0 a constraint", "2 a constraint"});
  CHECK(b.rejected[0].detail == "the database refused the row: 23514");
  CHECK(pipeline->status().committed_rows == 8);
  CHECK(pipeline->status().dead_lettered_rows == 2);
}

TEST_CASE_METHOD(PipelineTest, "Rows that miss what they refer to are tried once more, later") {
  MakeAndOpen();
  const auto missing = [](const WritePlan& plan) {
    WriteOutcome outcome = FakeDatabase::Committed(plan);
    outcome.failures = {{{0, 0}, {ErrorClass::kRow, "23503", "", RejectReason::kForeignKey, "a"}}};
    return outcome;
  };
  database.Then(missing);
  database.Then(missing);
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitWrites(1);
  clock.AdvanceToNextDeadline();
  CHECK(DumpRejections(answers.Await("a").rejected) == Strings{"0 a foreign_key"});
  CHECK(database.writes().size() == 2);
}

TEST_CASE_METHOD(PipelineTest, "Refused rows are told by the index of their request") {
  MakeAndOpen();
  const auto schema = pipeline->schema();
  BuiltRows built = BuildRows(*schema, {{{"id", Value::Text("bad")}}, {{"id", Value::Int(1)}}});
  database.Then([](const WritePlan& plan) {
    WriteOutcome outcome = FakeDatabase::Committed(plan);
    outcome.failures = {{{0, 0}, {ErrorClass::kRow, "1", "", RejectReason::kDatabase, ""}}};
    return outcome;
  });
  QueuedBlock block = Block("a", {{{"id", Value::Int(1)}}});
  block.rows = *std::move(built.block);
  const bool submitted = pipeline->Submit(std::move(block)).ok();
  REQUIRE(submitted);
  clock.AwaitDeadline(clock.Now() + kLinger);
  clock.Advance(kLinger);
  CHECK(DumpRejections(answers.Await("a").rejected) == Strings{"1  database"});
}

TEST_CASE_METHOD(PipelineTest, "A table that is not written exactly once is told by the status") {
  MakeAndOpen();
  CHECK_FALSE(pipeline->status().at_least_once);
  const TableSchema strong = TestTableAB(Conflict::kUpdate);
  database.SetDescribed(TableSchema::Create(strong.name(), strong.columns(), strong.primary_key(),
                                            strong.unique_keys(), strong.rule(),
                                            TableWeakness::kUnlogged));
  REQUIRE(Open().ok());
  CHECK(pipeline->status().at_least_once);
}

TEST_CASE_METHOD(PipelineTest, "Coalesced rows are counted as such, and answered") {
  MakeAndOpen();
  REQUIRE(Submit("a", 1, 5).ok());
  REQUIRE(Submit("b", 1, 5).ok());
  CHECK(answers.Await("a").status.ok());
  CHECK(answers.Await("b").status.ok());
  CHECK(Written(0).size() == 5);
  CHECK(pipeline->status().coalesced_rows == 5);
  CHECK(pipeline->status().committed_rows == 5);
}

TEST_CASE_METHOD(PipelineTest, "Batches follow each other in the order of their rows") {
  MakeAndOpen();
  database.Hold();
  for (int64_t id = 0; id < 40; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  database.Release();
  answers.Await("39");
  Strings all;
  for (const RecordedWrite& write : database.writes()) {
    CHECK(write.rows.size() <= 10);
    all.insert(all.end(), write.rows.begin(), write.rows.end());
  }
  REQUIRE(all.size() == 40);
  for (size_t id = 0; id < 40; ++id) CHECK(all[id] == "id=" + std::to_string(id));
}

TEST_CASE_METHOD(AppendOnlyPipelineTest, "An append-only table has several flushes in flight") {
  options.flushers = 3;
  MakeAndOpen();
  database.Hold();
  for (int64_t i = 0; i < 5; ++i) REQUIRE(Submit(std::to_string(i), i * 10, 10).ok());
  database.AwaitHeld(3);
  CHECK(database.writes().size() == 3);
  database.Release();
  for (int64_t i = 0; i < 5; ++i) CHECK(answers.Await(std::to_string(i)).status.ok());
}

TEST_CASE_METHOD(PipelineTest,
                 "A table with a key has one flush in flight, however many flushers") {
  options.flushers = 3;
  MakeAndOpen();
  database.Hold();
  for (int64_t i = 0; i < 5; ++i) REQUIRE(Submit(std::to_string(i), i * 10, 10).ok());
  database.AwaitHeld(1);
  // A second flush would have been started by the notices of the other four.
  CHECK(database.writes().size() == 1);
  database.Release();
  answers.Await("4");
  std::vector<size_t> sizes;
  for (const RecordedWrite& write : database.writes()) sizes.push_back(write.rows.size());
  CHECK(sizes == std::vector<size_t>(5, 10));
  CHECK(answers.order() == Strings{"0", "1", "2", "3", "4"});
}

TEST_CASE_METHOD(PipelineTest, "Describing or making the table waits until no flush is in flight") {
  options.add_columns = true;
  MakeAndOpen();
  database.Hold();
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitHeld(1);
  std::atomic<bool> opened{false};
  pipeline->Open({}, [&](const absl::StatusOr<Pipeline::Schema>&) { opened = true; });
  REQUIRE(Submit("b", 11, 10).ok());
  CHECK_FALSE(opened);
  CHECK(database.describes() == 1);
  database.Release();
  answers.Await("b");
  CHECK(opened);  // before the next flush
  CHECK(database.describes() == 2);
}

// Moves on by a tick each time it is asked, as real clocks do, so that a deadline can pass between
// two looks at it.
class TickingClock : public Clock {
 public:
  TimePoint Now() override {
    MutexLock lock(mutex_);
    now_ += std::chrono::nanoseconds(1);
    return now_;
  }
  void WaitUntil(CondVar& /*condition*/, Mutex& /*mutex*/, TimePoint deadline) override {
    MutexLock lock(mutex_);
    now_ = std::max(now_, deadline);
  }

 private:
  Mutex mutex_;
  TimePoint now_ ABSL_GUARDED_BY(mutex_) = TimePoint(seconds(1000));
};

TEST_CASE_METHOD(PipelineTest, "A batch that falls due while the flusher looks is flushed") {
  for (int ticks = 0; ticks < 12; ++ticks) {
    TickingClock ticking;
    options.batch.linger = std::chrono::nanoseconds(ticks);
    Make(&ticking);
    REQUIRE(Open().ok());
    const std::string request = std::to_string(ticks);
    REQUIRE(Submit(request, 1).ok());
    INFO("linger of " << ticks << " ticks");
    CHECK(answers.ArrivesWithin(request, seconds(5)));
    pipeline.reset();
  }
}

TEST_CASE_METHOD(PipelineTest, "Drain flushes what is queued without waiting for its age") {
  MakeAndOpen();
  for (int64_t id = 0; id < 25; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  pipeline->Drain(clock.Now() + seconds(10));
  for (int64_t id = 0; id < 25; ++id) CHECK(answers.Await(std::to_string(id)).status.ok());
  CHECK(database.writes().size() == 3);
  const absl::Status late = Submit("late", 99);
  CHECK(late.code() == absl::StatusCode::kUnavailable);
  CHECK_FALSE(answers.Has("late"));  // the caller has the status
  CHECK(Open().status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE_METHOD(PipelineTest, "A drain's deadline answers the rest with UNAVAILABLE") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kReconnect, "away", 1'000);
  const uint64_t abandoned = Receipt::abandoned_total();
  for (int64_t id = 0; id < 25; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  database.AwaitWrites(1);
  const TimePoint deadline = clock.Now() + milliseconds(1);
  std::thread drain([&] { pipeline->Drain(deadline); });
  while (!answers.Has("24")) clock.Advance(milliseconds(1));
  drain.join();
  for (int64_t id = 0; id < 25; ++id) {
    CHECK(answers.Await(std::to_string(id)).status.code() == absl::StatusCode::kUnavailable);
  }
  CHECK(pipeline->status().lost_rows == 25);
  CHECK(pipeline->status().queued_rows == 0);
  CHECK(Receipt::abandoned_total() == abandoned);
}

TEST_CASE_METHOD(PipelineTest, "A second drain does nothing to the first") {
  MakeAndOpen();
  database.Hold();
  for (int64_t i = 0; i < 3; ++i) REQUIRE(Submit(std::to_string(i), i * 10, 10).ok());
  database.AwaitHeld(1);
  std::thread drain([&] { pipeline->Drain(clock.Now() + seconds(10)); });
  while (Submit("probe", 99).ok()) std::this_thread::yield();
  pipeline->Drain(clock.Now());
  CHECK_FALSE(answers.Has("2"));
  database.Release();
  drain.join();
  for (int64_t i = 0; i < 3; ++i) CHECK(answers.Await(std::to_string(i)).status.ok());
}

TEST_CASE_METHOD(PipelineTest, "MEMORY rows that a shutdown drops are counted as lost") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kReconnect, "away", 1'000);
  REQUIRE(Submit("memory", 1, 5, AckLevel::kMemory).ok());
  REQUIRE(Submit("database", 6, 5).ok());
  database.AwaitWrites(1);
  pipeline->Drain(clock.Now());
  CHECK(answers.Await("memory").status.code() == absl::StatusCode::kUnavailable);
  CHECK(metrics.Expose().find("batchsql_data_integrity_rate{database=\"fake\","
                              "test_name=\"default\"} 0\n") != std::string::npos);
}

TEST_CASE_METHOD(PipelineTest, "Memory is given back when the rows are committed") {
  MakeAndOpen();
  QueuedBlock block = Block("a", {{{"id", Value::Int(1)}}});
  block.memory = *budget.TryReserve(1'000);
  const bool submitted = pipeline->Submit(std::move(block)).ok();
  REQUIRE(submitted);
  CHECK(budget.used_bytes() == 1'000);
  clock.AwaitDeadline(clock.Now() + kLinger);
  clock.Advance(kLinger);
  answers.Await("a");
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE_METHOD(PipelineTest, "Many threads submit and each row is written once") {
  options.batch.linger = Duration(0);
  MakeAndOpen();
  std::vector<std::thread> threads;
  for (int64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      for (int64_t i = 0; i < 250; ++i) {
        const int64_t id = thread * 1'000 + i;
        if (!Submit(std::to_string(id), id).ok()) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  pipeline->Drain(clock.Now() + seconds(10));
  std::map<std::string, int> times;
  for (const RecordedWrite& write : database.writes()) {
    for (const std::string& row : write.rows) ++times[row];
  }
  CHECK(times.size() == 1'000);
  for (const auto& [row, count] : times) CHECK(count == 1);
  CHECK(answers.order().size() == 1'000);
  CHECK(pipeline->status().received_rows == 1'000);
  CHECK(pipeline->status().committed_rows == 1'000);
}

}  // namespace
}  // namespace batchsql
