// What a pipeline does when the database does not.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/core/pipeline_fixture.h"

namespace batchsql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FailureTest : public PipelineTest {
 protected:
  // From the first write on: moves time on, wait by wait, until `writes` writes have begun.
  void RunToWrite(size_t writes) {
    database.AwaitWrites(1);
    for (size_t begun = database.writes().size(); begun < writes; ++begun) {
      clock.AdvanceToNextDeadline();
      database.AwaitWrites(begun + 1);
    }
  }
  // Lets a batch that is not full fall due.
  void Linger() {
    clock.AwaitDeadline(clock.Now() + kLinger);
    clock.Advance(kLinger);
  }
  PipelineState state() { return pipeline->status().state; }
};

TEST_CASE_METHOD(FailureTest, "A failed batch is tried again, the same and before the others") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kReconnect, "08006", 4);
  REQUIRE(Submit("a", 1, 10).ok());
  REQUIRE(Submit("b", 11, 10).ok());
  RunToWrite(5);
  CHECK(answers.Await("a").status.ok());
  CHECK(answers.Await("b").status.ok());
  const auto writes = database.writes();
  REQUIRE(writes.size() == 6);
  for (size_t i = 0; i < 5; ++i) CHECK(writes[i].rows == writes[0].rows);
  CHECK(writes[5].rows.front() == "id=11");
  CHECK(answers.order() == Strings{"a", "b"});
  CHECK(state() == PipelineState::kRunning);
}

TEST_CASE_METHOD(FailureTest, "The waits between attempts grow up to the limit") {
  options.backoff_base = milliseconds(10);
  options.backoff_max = milliseconds(80);
  MakeAndOpen();
  database.ThenFail(ErrorClass::kReconnect, "08006", 30);
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitWrites(1);
  for (size_t failures = 1; failures <= 30; ++failures) {
    const TimePoint before = clock.Now();
    database.AwaitWrites(failures);
    CHECK(state() != PipelineState::kPaused);
    RunToWrite(failures + 1);
    CHECK(clock.Now() - before <= Duration(milliseconds(80)));
  }
  CHECK(answers.Await("a").status.ok());
  // The attempts that failed, by their metric.
  CHECK(metrics.Expose().find("batchsql_batch_failed_total{database=\"fake\",table=\"t\","
                              "test_name=\"default\"} 30\n") != std::string::npos);
}

TEST_CASE_METHOD(FailureTest, "Who asks for the table does not wait for a flush that waits") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kReconnect, "08006", 2);
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitWrites(1);
  CHECK(absl::IsUnavailable(Open().status()));  // asked before the wait, or in it
  CHECK(absl::IsUnavailable(Open().status()));
  RunToWrite(3);
  CHECK(answers.Await("a").status.ok());
  CHECK(Open().ok());
}

TEST_CASE_METHOD(FailureTest, "What a person must mend pauses the pipeline, and it resumes alone") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kPause, "42501", 2);
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitWrites(1);
  RunToWrite(2);
  while (state() != PipelineState::kPaused) std::this_thread::yield();
  CHECK(pipeline->status().last_error == "42501");
  CHECK(Submit("b", 11, 10).ok());  // keeps accepting
  RunToWrite(3);                    // the batch's third attempt
  CHECK(answers.Await("a").status.ok());
  CHECK(answers.Await("b").status.ok());
  CHECK(state() == PipelineState::kRunning);
  CHECK(pipeline->status().last_error.empty());
}

TEST_CASE_METHOD(FailureTest, "An unknown error pauses after five retries") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kUnknown, "XX999", 6);
  REQUIRE(Submit("a", 1, 10).ok());
  for (size_t write = 1; write <= 5; ++write) {
    RunToWrite(write);
    CHECK(state() != PipelineState::kPaused);
  }
  RunToWrite(6);
  while (state() != PipelineState::kPaused) std::this_thread::yield();
  CHECK(database.describes() == 1);  // only a probe looks at the table again
  RunToWrite(7);
  CHECK(answers.Await("a").status.ok());
  CHECK(database.describes() == 2);
}

TEST_CASE_METHOD(FailureTest, "A fatal error stops the pipeline for good, its queue included") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kFatal, "XX001");
  database.Hold();
  for (int64_t i = 0; i < 3; ++i) REQUIRE(Submit(std::to_string(i), i * 10, 10).ok());
  database.AwaitHeld(1);
  database.Release();
  for (int64_t i = 0; i < 3; ++i) {
    const absl::Status status = answers.Await(std::to_string(i)).status;
    CHECK(status.code() == absl::StatusCode::kUnavailable);
    CHECK(status.message().find("XX001") != absl::string_view::npos);
  }
  CHECK(database.writes().size() == 1);
  CHECK(state() == PipelineState::kStopped);
  CHECK(pipeline->status().stop_kind == StopKind::kDatabase);
  CHECK(pipeline->status().reason == "XX001");
  CHECK(Submit("late", 99).code() == absl::StatusCode::kUnavailable);
  CHECK(pipeline->status().lost_rows == 30);
  CHECK(pipeline->status().rejected_rows == 1);
}

TEST_CASE_METHOD(FailureTest, "A commit without an answer that took place is not repeated") {
  MakeAndOpen();
  database.ThenInDoubt(true);
  REQUIRE(Submit("a", 1, 10).ok());
  CHECK(answers.Await("a").status.ok());
  CHECK(database.writes().size() == 1);
  CHECK(database.resolves() == 1);
  CHECK(database.table().size() == 10);
}

TEST_CASE_METHOD(FailureTest, "A commit without an answer that did not take place is repeated") {
  MakeAndOpen();
  database.ThenInDoubt(false);
  REQUIRE(Submit("a", 1, 10).ok());
  RunToWrite(2);
  CHECK(answers.Await("a").status.ok());
  CHECK(database.table().size() == 10);
}

TEST_CASE_METHOD(FailureTest, "A commit that cannot be looked up before the end is ABORTED") {
  MakeAndOpen();
  database.ThenInDoubt(true);
  database.ThenResolveFails(absl::UnavailableError("away"), 1'000);
  REQUIRE(Submit("a", 1, 10).ok());
  while (database.resolves() == 0) std::this_thread::yield();
  pipeline->Drain(clock.Now());
  CHECK(answers.Await("a").status.code() == absl::StatusCode::kAborted);
}

TEST_CASE_METHOD(FailureTest, "Without a journal a claim that failed is tried again") {
  database.SetSlots({}, {{0, 7, NewUuid(), 5, 9, 4, 1}});  // an earlier process's
  Make();
  database.ThenClaimFails(absl::UnavailableError("scripted"));
  CHECK(absl::IsUnavailable(Open().status()));
  database.ThenClaimInDoubt(/*committed=*/true);
  CHECK(absl::IsUnavailable(Open().status()));
  database.ThenClaimInDoubt(/*committed=*/false);
  CHECK(absl::IsUnavailable(Open().status()));
  REQUIRE(Open().ok());
  REQUIRE(Submit("a", 1).ok());
  Linger();
  CHECK(answers.Await("a").status.ok());
}

TEST_CASE_METHOD(FailureTest, "Without a journal a gap that a dead process left blocks no slot") {
  // Of two flushes in flight the second was committed, the first died with its process.
  database.SetSlots({}, {{0, 1, NewUuid(), 1, 10, 0, 1}, {1, 1, NewUuid(), 21, 30, 10, 1}});
  options.batch.linger = {};
  MakeAndOpen();
  for (int64_t id = 0; id < 40; ++id) {
    REQUIRE(Submit(std::to_string(id), id).ok());
    CHECK(answers.Await(std::to_string(id)).status.ok());
  }
}

TEST_CASE_METHOD(FailureTest, "Without a journal a target that moved back blocks no slot") {
  options.batch.linger = {};
  MakeAndOpen();
  const std::vector<SlotRow> old = database.slots({});
  REQUIRE(Submit("before", 1, 30).ok());
  CHECK(answers.Await("before").status.ok());
  database.SetSlots({}, old);
  for (int64_t i = 0; i < 40; ++i) {
    REQUIRE(Submit(std::to_string(i), 100 + i).ok());
    CHECK(answers.Await(std::to_string(i)).status.ok());
  }
}

TEST_CASE_METHOD(FailureTest, "After three failures for its size a batch is halved, in order") {
  MakeAndOpen();
  for (int64_t id = 0; id < 4; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  database.ThenFail(ErrorClass::kRetry, "40001", 6);
  Linger();
  RunToWrite(7);
  for (int64_t id = 0; id < 4; ++id) CHECK(answers.Await(std::to_string(id)).status.ok());
  std::vector<size_t> sizes;
  Strings last;
  for (const RecordedWrite& write : database.writes()) {
    sizes.push_back(write.rows.size());
    if (sizes.size() > 6) last.insert(last.end(), write.rows.begin(), write.rows.end());
  }
  // The second halves come back to the queue, and are due at once.
  CHECK(sizes == std::vector<size_t>{4, 4, 4, 2, 2, 2, 1, 3});
  CHECK(last == Strings{"id=0", "id=1", "id=2", "id=3"});
  CHECK(pipeline->status().queued_rows == 0);
  CHECK(pipeline->status().queued_bytes == 0);
}

TEST_CASE_METHOD(FailureTest, "A connection that is away does not make batches smaller") {
  MakeAndOpen();
  for (int64_t id = 0; id < 4; ++id) REQUIRE(Submit(std::to_string(id), id).ok());
  database.ThenFail(ErrorClass::kReconnect, "08006", 7);
  Linger();
  RunToWrite(8);
  answers.Await("3");
  for (const RecordedWrite& write : database.writes()) CHECK(write.rows.size() == 4);
}

TEST_CASE_METHOD(FailureTest, "A pause ends with a stop, and its rows are told so") {
  MakeAndOpen();
  database.ThenFail(ErrorClass::kPause, "42501", 1'000);
  REQUIRE(Submit("a", 1).ok());
  while (pipeline->status().state != PipelineState::kPaused) {
    clock.Advance(kLinger);
    std::this_thread::yield();
  }
  pipeline->Drain(clock.Now());
  CHECK(answers.Await("a").status.code() == absl::StatusCode::kUnavailable);
  CHECK(pipeline->status().lost_rows == 1);
  CHECK(database.table().empty());
}

TEST_CASE_METHOD(FailureTest, "A table that cannot be described is reported, and tried again") {
  database.SetDescribed(absl::UnavailableError("away"));
  Make();
  CHECK(Open().status().code() == absl::StatusCode::kUnavailable);
  CHECK(state() == PipelineState::kOpening);
  CHECK(pipeline->status().last_error == "UNAVAILABLE");
  CHECK(pipeline->status().reason == "away");
  CHECK(pipeline->schema() == nullptr);
  database.SetDescribed(TestTableAB());
  clock.AdvanceToNextDeadline();
  while (state() != PipelineState::kRunning) std::this_thread::yield();
  CHECK(pipeline->schema() != nullptr);
  CHECK(pipeline->status().last_error.empty());
  CHECK(pipeline->status().reason.empty());
}

TEST_CASE_METHOD(FailureTest, "A journal that cannot be opened stops the pipeline for its reason") {
  const auto kind_of = [this](absl::Status error) {
    pipeline = std::make_unique<Pipeline>(options, target.get(), pipeline_metrics, &clock, &budget,
                                          std::move(error));
    CHECK(state() == PipelineState::kStopped);
    CHECK(pipeline->status().reason == "why");
    CHECK(Open().status().message() == "the pipeline of table t stopped: why");
    return pipeline->status().stop_kind;
  };
  CHECK(kind_of(absl::DataLossError("why")) == StopKind::kDamage);
  CHECK(kind_of(absl::ResourceExhaustedError("why")) == StopKind::kDisk);
  CHECK(kind_of(absl::PermissionDeniedError("why")) == StopKind::kFiles);
}

TEST_CASE_METHOD(FailureTest, "A missing table is not asked for again until rows name it") {
  database.SetDescribed(absl::NotFoundError("no table t"));
  Make();
  CHECK(Open().status().code() == absl::StatusCode::kNotFound);
  CHECK(database.describes() == 1);
  CHECK(Open({{"id", ColumnType::kInt64, false}}).status().code() == absl::StatusCode::kNotFound);
  CHECK(database.describes() == 2);
}

TEST_CASE_METHOD(FailureTest,
                 "Who waits for a database that is away is answered by one look at it") {
  Make();
  REQUIRE(Open().ok());
  database.Hold();
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitHeld(1);
  database.SetDescribed(absl::UnavailableError("away"));
  std::atomic<int> unavailable{0};
  for (int i = 0; i < 100; ++i) {
    pipeline->Open({}, [&](const absl::StatusOr<Pipeline::Schema>& schema) {
      unavailable += absl::IsUnavailable(schema.status()) ? 1 : 0;
    });
  }
  database.Release();
  pipeline->Drain(clock.Now() + seconds(10));
  CHECK(unavailable == 100);
  CHECK(database.describes() <= 2);
}

TEST_CASE_METHOD(FailureTest, "A missing table is made from the rows, with the rule's key") {
  options.create_missing = true;
  options.rule.conflict = Conflict::kUpdate;
  options.rule.key = {"id"};
  database.SetDescribed(absl::NotFoundError("no table t"));
  std::vector<NewColumn> created;
  database.on_create = [&](std::vector<NewColumn> columns) {
    created = std::move(columns);
    database.SetDescribed(TestTableAB(Conflict::kUpdate));
  };
  Make();
  CHECK(Open().status().code() == absl::StatusCode::kNotFound);  // no rows, no shape
  REQUIRE(Open({{"id", ColumnType::kInt64, false}, {"a", ColumnType::kText, false}}).ok());
  CHECK(created ==
        std::vector<NewColumn>{{"id", ColumnType::kInt64, true}, {"a", ColumnType::kText, false}});
}

TEST_CASE_METHOD(FailureTest, "Columns that the table lacks are added where the options say so") {
  options.add_columns = true;
  std::vector<NewColumn> added;
  database.on_add = [&](std::vector<NewColumn> columns) { added = std::move(columns); };
  Make();
  REQUIRE(Open({{"a", ColumnType::kInt64, false}}).ok());
  CHECK(added.empty());
  REQUIRE(Open({{"a", ColumnType::kInt64, false}, {"z", ColumnType::kText, false}}).ok());
  CHECK(added == std::vector<NewColumn>{{"z", ColumnType::kText, false}});
}

TEST_CASE_METHOD(FailureTest, "A table described again unchanged keeps its schema's identity") {
  MakeAndOpen();
  const auto before = pipeline->schema();
  CHECK(*Open() == before);
  database.SetDescribed(TestTable({TestColumn("a", ColumnType::kInt64)}, Conflict::kUpdate));
  CHECK(*Open() != before);
}

}  // namespace
}  // namespace batchsql
