#include "server/intake.h"

#include <catch2/catch.hpp>

#include "tests/core/pipeline_fixture.h"

namespace batchsql {
namespace {

using absl::StatusCode;

// Rows that a test holds, as a decoder would hand them on.
class RowsInMemory : public RowSource {
 public:
  explicit RowsInMemory(std::vector<TestRow> rows) : rows_(std::move(rows)) {}

  absl::Status Decode(RowBlockBuilder& builder) const override {
    for (const TestRow& row : rows_) {
      for (const auto& [name, value] : row) builder.Append(*builder.BindColumn(name, 100), value);
      builder.EndRow();
    }
    return rows_.empty() ? absl::InvalidArgumentError("no rows") : absl::OkStatus();
  }
  absl::StatusOr<std::vector<NewColumn>> InferColumns() const override {
    std::vector<NewColumn> columns;
    for (const auto& [name, value] : rows_.at(0)) columns.push_back({name, ColumnType::kInt64});
    return columns;
  }

 private:
  std::vector<TestRow> rows_;
};

class IntakeTest : public PipelineTest {
 protected:
  struct Taken {
    std::optional<absl::StatusOr<IntakeResult>> result;
  };

  // Starts a request; its receipt is told to `answers` under its name.
  void Take(const std::string& request, std::vector<TestRow> rows, uint64_t bytes = 100,
            std::shared_ptr<MemoryWait> wait = nullptr) {
    IntakeRequest intake;
    intake.pipeline = pipeline.get();
    intake.rows = std::make_unique<RowsInMemory>(std::move(rows));
    intake.size_bytes = bytes;
    intake.memory_wait = std::move(wait);
    Start(request, std::move(intake));
  }
  void Start(const std::string& request, IntakeRequest intake) {
    TakeRows(std::move(intake), budget, answers.For(request),
             [this, request](absl::StatusOr<IntakeResult> result) {
               MutexLock lock(mutex);
               REQUIRE_FALSE(taken[request].result.has_value());
               taken[request].result = std::move(result);
               changed.NotifyAll();
             });
  }
  // A request of one row of the producer `p`.
  void Number(const std::string& request, uint64_t sequence) {
    IntakeRequest intake;
    intake.pipeline = pipeline.get();
    intake.producer_id.push_back('p');
    intake.sequence = sequence;
    intake.rows = std::make_unique<RowsInMemory>(Ids(static_cast<int64_t>(sequence), 1));
    intake.size_bytes = 100;
    Start(request, std::move(intake));
  }
  absl::StatusOr<IntakeResult> AwaitTaken(const std::string& request) {
    MutexLock lock(mutex);
    while (!taken[request].result.has_value()) changed.Wait(mutex);
    return *taken[request].result;
  }
  bool WasTaken(const std::string& request) {
    MutexLock lock(mutex);
    return taken[request].result.has_value();
  }
  static std::vector<TestRow> Ids(int64_t first, int64_t count) {
    std::vector<TestRow> rows;
    for (int64_t i = 0; i < count; ++i) rows.push_back({{"id", Value::Int(first + i)}});
    return rows;
  }

  Budget budget{10'000};
  Mutex mutex;
  CondVar changed;
  std::map<std::string, Taken> taken;
};

TEST_CASE_METHOD(IntakeTest, "Rows are validated, queued, and answered when they are written") {
  MakeAndOpen();
  std::vector<TestRow> rows = Ids(1, 10);
  rows.push_back({{"id", Value::Text("x")}});
  Take("a", rows);
  const auto result = AwaitTaken("a");
  REQUIRE(result.ok());
  CHECK(result->queued_rows == 10);
  CHECK(DumpRejections(result->rejected) == Strings{"10 id wrong_type"});
  CHECK(answers.Await("a").status.ok());
  CHECK(pipeline->status().received_rows == 11);
  CHECK(pipeline->status().rejected_rows == 1);
  CHECK(pipeline->status().committed_rows == 10);
}

TEST_CASE_METHOD(IntakeTest, "A request whose rows are all refused never comes to the pipeline") {
  MakeAndOpen();
  const uint64_t abandoned = Receipt::abandoned_total();
  Take("a", {{{"id", Value::Text("x")}}});
  const auto result = AwaitTaken("a");
  REQUIRE(result.ok());
  CHECK(result->queued_rows == 0);
  CHECK(result->rejected.size() == 1);
  CHECK_FALSE(answers.Has("a"));
  CHECK(Receipt::abandoned_total() == abandoned);
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE_METHOD(IntakeTest, "A sequence that no database can keep is refused") {
  MakeAndOpen();
  Number("too large", uint64_t{1} << 63);
  CHECK(AwaitTaken("too large").status().code() == StatusCode::kInvalidArgument);
  CHECK(pipeline->ListProducers("", 1).empty());
  Number("largest", INT64_MAX);
  CHECK(AwaitTaken("largest").ok());
  Number("beyond", uint64_t{1} << 63);  // though it comes next
  CHECK(AwaitTaken("beyond").status().code() == StatusCode::kInvalidArgument);
}

TEST_CASE_METHOD(IntakeTest,
                 "A malformed request is refused as a whole and leaves no memory held") {
  MakeAndOpen();
  Take("a", {});
  CHECK(AwaitTaken("a").status().code() == StatusCode::kInvalidArgument);
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE_METHOD(IntakeTest, "The first request of a table opens it") {
  Make();
  Take("a", Ids(1, 10));
  REQUIRE(AwaitTaken("a").ok());
  CHECK(answers.Await("a").status.ok());
  CHECK(database.describes() == 1);
}

TEST_CASE_METHOD(IntakeTest, "A table that cannot be opened refuses the request with its reason") {
  database.SetDescribed(absl::NotFoundError("no table t"));
  Make();
  Take("a", Ids(1, 1));
  CHECK(AwaitTaken("a").status().code() == StatusCode::kNotFound);
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE_METHOD(IntakeTest, "Without memory a request is refused at once, or waits for it") {
  MakeAndOpen();
  auto held = budget.TryReserve(10'000);
  Take("refused", Ids(1, 10));
  CHECK(AwaitTaken("refused").status().code() == StatusCode::kResourceExhausted);
  Take("waits", Ids(1, 10), 100, std::make_shared<MemoryWait>(budget));
  Take("waits too", Ids(11, 10), 100, std::make_shared<MemoryWait>(budget));
  CHECK_FALSE(WasTaken("waits"));
  held->Release();
  CHECK(AwaitTaken("waits").ok());
  CHECK(AwaitTaken("waits too").ok());
  CHECK(answers.Await("waits").status.ok());
  CHECK(answers.Await("waits too").status.ok());
}

TEST_CASE_METHOD(IntakeTest, "Many that wait are decoded one after the other, each with its rows") {
  MakeAndOpen();
  auto held = budget.TryReserve(10'000);
  // Each asks for all there is, and gives back most of it once its rows are built: the next is let
  // in, on the same thread, before this one is queued.
  for (int64_t i = 0; i < 50; ++i) {
    Take(std::to_string(i), Ids(i * 2, 2), 10'000, std::make_shared<MemoryWait>(budget));
  }
  held->Release();
  pipeline->Drain(clock.Now() + std::chrono::seconds(10));
  std::map<std::string, int> written;
  for (const RecordedWrite& write : database.writes()) {
    for (const std::string& row : write.rows) ++written[row];
  }
  int64_t refused = 0;
  for (int64_t i = 0; i < 50; ++i) refused += AwaitTaken(std::to_string(i)).ok() ? 0 : 2;
  CHECK(written.size() + static_cast<size_t>(refused) == 100);
  for (const auto& [row, times] : written) CHECK(times == 1);
}

TEST_CASE_METHOD(IntakeTest, "Who is gone no longer waits for memory, nor does what it sent") {
  MakeAndOpen();
  auto held = budget.TryReserve(10'000);
  const auto wait = std::make_shared<MemoryWait>(budget);
  Take("a", Ids(1, 1), 100, wait);
  CHECK_FALSE(WasTaken("a"));
  wait->End();
  CHECK(AwaitTaken("a").status().code() == StatusCode::kUnavailable);
  Take("b", Ids(2, 1), 100, wait);
  CHECK(AwaitTaken("b").status().code() == StatusCode::kUnavailable);
  held->Release();
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE_METHOD(IntakeTest, "Who waits for memory when the daemon stops is told so") {
  MakeAndOpen();
  auto held = budget.TryReserve(10'000);
  Take("a", Ids(1, 1), 100, std::make_shared<MemoryWait>(budget));
  budget.Close();
  CHECK(AwaitTaken("a").status().code() == StatusCode::kUnavailable);
}

TEST_CASE_METHOD(IntakeTest,
                 "A pipeline that drains refuses the request, and its receipt is silent") {
  MakeAndOpen();
  pipeline->Drain(clock.Now());
  Take("a", Ids(1, 1));
  CHECK(AwaitTaken("a").status().code() == StatusCode::kUnavailable);
  CHECK_FALSE(answers.Has("a"));
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE_METHOD(IntakeTest, "Rows that name a new column have it added, once") {
  options.add_columns = true;
  int added = 0;
  database.on_add = [&](const std::vector<NewColumn>& columns) {
    ++added;
    CHECK(columns.size() == 1);
    CHECK(columns[0].name == "z");
    database.SetDescribed(TestTable({TestColumn("z", ColumnType::kInt64)}, Conflict::kUpdate));
  };
  MakeAndOpen();
  std::vector<TestRow> rows = Ids(1, 10);
  for (TestRow& row : rows) row.emplace_back("z", Value::Int(1));
  Take("a", rows);
  const auto result = AwaitTaken("a");
  REQUIRE(result.ok());
  CHECK(result->rejected.empty());
  CHECK(answers.Await("a").status.ok());
  CHECK(added == 1);
}

TEST_CASE_METHOD(IntakeTest,
                 "A column that cannot be added refuses rows, not for ever the request") {
  options.add_columns = true;
  MakeAndOpen();  // AddColumns answers OK, and the table stays as it is
  Take("a", {{{"id", Value::Int(1)}, {"z", Value::Int(1)}}});
  const auto result = AwaitTaken("a");
  REQUIRE(result.ok());
  CHECK(DumpRejections(result->rejected) == Strings{"0 z unknown_column"});
}

TEST_CASE_METHOD(IntakeTest, "A numbered request waits until the target knows its producer") {
  options.producers_in_target = true;
  options.batch.linger = {};
  MakeAndOpen();
  database.SetProducer(options.table, "p", 4);
  Number("early", 4);
  CHECK(AwaitTaken("early").status().code() == absl::StatusCode::kOutOfRange);
  Number("next", 5);
  CHECK(AwaitTaken("next")->queued_rows == 1);
  CHECK(answers.Await("next").status.ok());
  CHECK(database.table() == Strings{"id=5"});
  CHECK(database.producer_reads().size() == 1);
  // A gap is looked up once, and is one where the target says so, too.
  Number("gap", 8);
  CHECK(AwaitTaken("gap").status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(database.producer_reads().size() == 2);
}

TEST_CASE_METHOD(IntakeTest,
                 "A numbered request is refused while its producer cannot be looked up") {
  options.producers_in_target = true;
  MakeAndOpen();
  database.SetProducersStatus(absl::UnavailableError("connection refused"));
  Number("first", 1);
  CHECK(AwaitTaken("first").status().code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace batchsql
