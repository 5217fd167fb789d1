// What a pipeline does with rows that wait while their table is altered.

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using absl::StatusCode;

TableSchema TableWithout(const std::string& dropped, Conflict conflict = Conflict::kUpdate) {
  std::vector<Column> columns;
  for (const char* name : {"a", "b"}) {
    if (name != dropped) columns.push_back(TestColumn(name, ColumnType::kInt64));
  }
  return TestTable(std::move(columns), conflict);
}

class DriftTest : public LettersPipelineTest {
 protected:
  // The next write finds out that the table is another.
  void Alter(TableSchema altered) {
    database.ThenFail(ErrorClass::kPause, "42703");
    database.SetDescribed(std::move(altered));
  }
  void AlterBack() { database.SetDescribed(TestTableAB(Conflict::kUpdate)); }
  absl::Status SubmitRows(const std::string& request, const std::vector<TestRow>& rows) {
    return pipeline->Submit(Block(request, rows)).status();
  }
  // Three rows: one with `a`, one with `b`, and one with neither.
  void SubmitMixed() {
    REQUIRE(SubmitRows("mixed", {{{"id", Value::Int(1)}, {"a", Value::Int(5)}},
                                 {{"id", Value::Int(2)}, {"b", Value::Int(7)}},
                                 {{"id", Value::Int(3)}}})
                .ok());
  }
  void AwaitDrift() {
    RunUntil([&] { return pipeline->status().last_error == "schema_drift"; });
  }
  Strings Table() {
    Strings rows = database.table();
    std::sort(rows.begin(), rows.end());
    return rows;
  }
};

TEST_CASE_METHOD(DriftTest, "Rows that do not fit an altered table wait, and none is written") {
  with_journal = GENERATE(true, false);
  StartAndOpen();
  Alter(TableWithout("b"));
  database.Hold();
  SubmitMixed();
  database.AwaitHeld(1);
  const uint64_t bytes = pipeline->status().queued_bytes;
  CHECK(bytes > 0);
  database.Release();
  AwaitDrift();
  const size_t described = database.describes();
  RunUntil([&] { return database.describes() > described + 2; });
  const PipelineStatus status = pipeline->status();
  CHECK(status.state == PipelineState::kPaused);
  CHECK(status.last_error_class == "pause");
  CHECK(status.drift == "column \"b\" is gone");
  CHECK(status.queued_rows == 3);
  CHECK(status.queued_bytes == bytes);
  CHECK(status.dead_lettered_rows == 0);
  CHECK(CountsBalance());
  CHECK(database.writes().size() == 1);
  CHECK(Letters().empty());
  CHECK_FALSE(answers.Has("mixed"));
  CHECK(pipeline->schema()->FindColumn("b") < 0);  // that new requests are checked against
}

TEST_CASE_METHOD(DriftTest, "Rows that wait are written as they came when their column is back") {
  with_journal = GENERATE(true, false);
  StartAndOpen();
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  AlterBack();
  CHECK(RunToAnswer("mixed").rejected.empty());
  CHECK(Table() == Strings{"id=1 a=5", "id=2 b=7", "id=3"});
  const PipelineStatus status = pipeline->status();
  CHECK(status.state == PipelineState::kRunning);
  CHECK(status.drift.empty());
  CHECK(status.queued_rows == 0);
  CHECK(status.queued_bytes == 0);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(DriftTest, "Rows that fit the altered table go on, also those queued before") {
  StartAndOpen();
  database.Hold();
  Alter(TableWithout("b"));
  REQUIRE(Submit("a", 1, 10).ok());
  database.AwaitHeld(1);
  REQUIRE(SubmitRows("b", {{{"id", Value::Int(11)}, {"a", Value::Int(9)}}}).ok());
  database.Release();
  CHECK(RunToAnswer("a").rejected.empty());
  CHECK(RunToAnswer("b").rejected.empty());
  CHECK(database.table().size() == 11);
  CHECK(database.writes().back().schema == pipeline->schema());
  CHECK(pipeline->schema()->FindColumn("b") < 0);
}

TEST_CASE_METHOD(DriftTest, "The reason names the column and never a value") {
  Column narrow = TestColumn("a", ColumnType::kInt64);
  narrow.max = 9;
  Column computed = TestColumn("a", ColumnType::kInt64);
  computed.generated = true;
  const Column b = TestColumn("b", ColumnType::kInt64);
  const Column needed = NotNull(TestColumn("c", ColumnType::kInt64));
  const auto [column, reason] = GENERATE_COPY(table<Column, std::string>({
      {b, "column \"a\" is gone"},
      {narrow, "column \"a\" does not take what rows that wait have for it: out_of_range"},
      {computed, "column \"a\" is computed by the database now"},
      {needed, "column \"c\" has no default, and rows that wait have nothing for it"},
  }));
  const bool replaces_a = column.name != "c";
  StartAndOpen();
  Alter(replaces_a ? TestTable({column}, Conflict::kUpdate)
                   : TestTable({TestColumn("a", ColumnType::kInt64), column}, Conflict::kUpdate));
  REQUIRE(SubmitRows("r", {{{"id", Value::Int(1)}, {"a", Value::Int(123456)}}}).ok());
  AwaitDrift();
  CHECK(pipeline->status().drift == reason);
}

TEST_CASE_METHOD(DriftTest, "A decision makes letters of the rows that do not fit, at once") {
  with_journal = GENERATE(true, false);
  StartAndOpen();
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  const absl::StatusOr<PipelineStatus> before = pipeline->Reconcile({});
  REQUIRE(before.ok());
  CHECK(before->state == PipelineState::kPaused);
  CHECK(before->drift == "column \"b\" is gone");
  CHECK(before->queued_rows == 3);
  const RequestOutcome outcome = answers.Await("mixed");  // while the clock stands still
  CHECK(outcome.status.ok());
  CHECK(DumpRejections(outcome.rejected) == Strings{"1 b unknown_column"});
  CHECK(Table() == Strings{"id=1 a=5", "id=3"});
  CHECK(Letters() == Strings{" id=2 b=7"});
  const PipelineStatus status = pipeline->status();
  CHECK(status.state == PipelineState::kRunning);
  CHECK(status.drift.empty());
  CHECK(status.committed_rows == 2);
  CHECK(status.dead_lettered_rows == 1);
  CHECK(status.queued_rows == 0);
  CHECK(status.queued_bytes == 0);
  CHECK(CountsBalance());
  // Rows that are refused after they were accepted are not whole data.
  CHECK(metrics.Expose().find("batchsql_data_integrity_rate{database=\"fake\","
                              "test_name=\"default\"} 0.66") != std::string::npos);
}

TEST_CASE_METHOD(DriftTest, "Cells of an ignored column are left out, and their rows are written") {
  StartAndOpen();
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  REQUIRE(pipeline->Reconcile({"b", "never"}).ok());
  CHECK(answers.Await("mixed").rejected.empty());
  CHECK(Table() == Strings{"id=1 a=5", "id=2", "id=3"});
  CHECK(Letters().empty());
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(DriftTest, "Requests of which no row is left are committed with the others") {
  StartAndOpen();
  Alter(TableWithout("b"));
  REQUIRE(SubmitRows("all", {{{"id", Value::Int(1)}, {"b", Value::Int(1)}}}).ok());
  AwaitDrift();
  REQUIRE(pipeline->Reconcile({}).ok());
  CHECK(answers.Await("all").rejected.size() == 1);
  CHECK(database.table().empty());
  CHECK(pipeline->all_committed());
  CHECK(pipeline->status().state == PipelineState::kRunning);
}

TEST_CASE_METHOD(DriftTest, "Only a column that the table lacks can be ignored") {
  StartAndOpen();
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  CHECK(pipeline->Reconcile({"b", "a"}).status().code() == StatusCode::kInvalidArgument);
  AlterBack();
  // As the table is now, not as it was when the pipeline paused.
  CHECK(pipeline->Reconcile({"b"}).status().code() == StatusCode::kInvalidArgument);
  RunToAnswer("mixed");
  CHECK(Letters().empty());
  CHECK(database.table().size() == 3);
}

TEST_CASE_METHOD(DriftTest, "A decision is not about rows that are accepted later") {
  StartAndOpen();
  QueuedBlock late = Block("late", {{{"id", Value::Int(9)}, {"b", Value::Int(1)}}});
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  REQUIRE(pipeline->Reconcile({}).ok());
  answers.Await("mixed");
  const absl::Status submitted = pipeline->Submit(std::move(late)).status();
  REQUIRE(submitted.ok());
  AwaitDrift();
  CHECK(Letters().size() == 1);
  REQUIRE(pipeline->Reconcile({"b"}).ok());
  CHECK(answers.Await("late").rejected.empty());
  CHECK(Table().back() == "id=9");
}

TEST_CASE_METHOD(DriftTest, "A decision does not hold for a table that is altered again") {
  StartAndOpen();
  database.Hold();
  Alter(TableWithout("b"));
  std::vector<TestRow> rows;
  for (int64_t id = 0; id < 10; ++id) {
    rows.push_back({{"id", Value::Int(id)}, {"a", Value::Int(1)}, {"b", Value::Int(1)}});
  }
  REQUIRE(SubmitRows("first", rows).ok());
  database.AwaitHeld(1);
  REQUIRE(SubmitRows("second", {rows.front()}).ok());
  database.Release();
  AwaitDrift();
  database.Hold();
  REQUIRE(pipeline->Reconcile({"b"}).ok());
  database.AwaitHeld(1);
  database.SetDescribed(TestTable({}, Conflict::kUpdate));
  std::atomic<bool> opened = false;
  pipeline->Open({}, [&](const absl::StatusOr<Pipeline::Schema>& schema) { opened = schema.ok(); });
  database.Release();
  CHECK(answers.Await("first").rejected.empty());
  AwaitDrift();
  CHECK(opened);
  CHECK(pipeline->status().drift == "column \"a\" is gone");
  CHECK(Letters().empty());
  REQUIRE(pipeline->Reconcile({"a", "b"}).ok());
  CHECK(answers.Await("second").rejected.empty());
  CHECK(Written(database.writes().size() - 1) == Strings{"id=0"});
}

TEST_CASE_METHOD(DriftTest, "Rows that were left in the journal wait in the next process too") {
  StartAndOpen();
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  Stop();
  StartAndOpen();
  AwaitDrift();
  CHECK(pipeline->status().queued_rows == 3);
  CHECK(database.table().empty());
  SECTION("for their column") {
    AlterBack();
    RunUntil([&] { return pipeline->status().queued_rows == 0; });
    CHECK(Table() == Strings{"id=1 a=5", "id=2 b=7", "id=3"});
    CHECK(Letters().empty());
  }
  SECTION("for a decision") {
    REQUIRE(pipeline->Reconcile({}).ok());
    RunUntil([&] { return pipeline->status().queued_rows == 0; });
    CHECK(Table() == Strings{"id=1 a=5", "id=3"});
    CHECK(Letters() == Strings{" id=2 b=7"});
  }
  SECTION("for a decision, which a process forgets") {
    database.ThenFail(ErrorClass::kReconnect, "08006", 1'000);
    const size_t writes = database.writes().size();
    REQUIRE(pipeline->Reconcile({"b"}).ok());
    database.AwaitWrites(writes + 1);
    Stop();
    database.ThenSucceed();
    StartAndOpen();
    AwaitDrift();
    CHECK(pipeline->status().queued_rows == 3);
    CHECK(database.table().empty());
  }
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(DriftTest, "Rows of one key keep their order over a drift") {
  StartAndOpen();
  Alter(TableWithout("b"));
  REQUIRE(SubmitRows("old", {{{"id", Value::Int(1)}, {"a", Value::Int(1)}, {"b", Value::Int(1)}}})
              .ok());
  AwaitDrift();
  REQUIRE(SubmitRows("new", {{{"id", Value::Int(1)}, {"a", Value::Int(2)}}}).ok());
  RunUntil([&, probes = database.describes() + 3] { return database.describes() > probes; });
  CHECK(database.table().empty());
  REQUIRE(pipeline->Reconcile({"b"}).ok());
  answers.Await("new");
  CHECK(database.table() == Strings{"id=1 a=1", "id=1 a=2"});
}

TEST_CASE_METHOD(DriftTest, "Flushes beside one that waits do not end the pause") {
  database.SetDescribed(TestTableAB(Conflict::kInsert));
  options.rule.conflict = Conflict::kInsert;
  options.flushers = 2;
  StartAndOpen();
  Alter(TableWithout("b", Conflict::kInsert));
  SubmitMixed();
  AwaitDrift();
  REQUIRE(Submit("fits", 10).ok());
  CHECK(RunToAnswer("fits").status.ok());
  CHECK(database.table() == Strings{"id=10"});
  CHECK(pipeline->status().state == PipelineState::kPaused);
  CHECK(pipeline->status().last_error == "schema_drift");
  REQUIRE(pipeline->Reconcile({}).ok());
  answers.Await("mixed");
  CHECK(pipeline->status().state == PipelineState::kRunning);
  CHECK(Letters() == Strings{" id=2 b=7"});
}

TEST_CASE_METHOD(DriftTest, "A shutdown leaves rows that wait for a decision in the journal") {
  StartAndOpen();
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
  pipeline->Drain(clock.Now());
  CHECK(answers.Await("mixed").status.code() == StatusCode::kUnavailable);
  CHECK(pipeline->status().queued_rows == 3);
  CHECK(pipeline->status().drift.empty());
  CHECK(pipeline->Reconcile({}).status().code() == StatusCode::kUnavailable);
}

TEST_CASE_METHOD(DriftTest, "Where every row fits, a decision changes nothing") {
  StartAndOpen();
  const absl::StatusOr<PipelineStatus> before = pipeline->Reconcile({"gone"});
  REQUIRE(before.ok());
  CHECK(before->drift.empty());
  CHECK(before->state == PipelineState::kRunning);
  REQUIRE(Submit("a", 1).ok());
  CHECK(RunToAnswer("a").rejected.empty());
  Alter(TableWithout("b"));
  SubmitMixed();
  AwaitDrift();
}

TEST_CASE_METHOD(DriftTest, "A pipeline without a table to fit rows to takes no decision") {
  Start();
  CHECK(pipeline->Reconcile({}).status().code() == StatusCode::kFailedPrecondition);
  REQUIRE(Open().ok());
  database.SetDescribed(absl::UnavailableError("away"));
  CHECK(pipeline->Reconcile({}).status().code() == StatusCode::kUnavailable);
  database.SetDescribed(absl::NotFoundError("no table t"));
  CHECK(pipeline->Reconcile({}).status().code() == StatusCode::kFailedPrecondition);
  AlterBack();
  database.ThenFail(ErrorClass::kFatal, "XX001");
  REQUIRE(Submit("a", 1).ok());
  RunToAnswer("a");
  CHECK(pipeline->Reconcile({}).status().code() == StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace batchsql
