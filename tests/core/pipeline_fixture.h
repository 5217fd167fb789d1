#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/metrics.h"
#include "core/mutex.h"
#include "core/pipeline.h"
#include "tests/support/fake_executor.h"
#include "tests/support/rows.h"
#include "tests/support/simulated_clock.h"

namespace batchsql {

// The last word that the receipts of a test were told. Thread-safe.
class Answers {
 public:
  Receipt::Listener For(const std::string& request) {
    return [this, request](AckLevel reached, const RequestOutcome& outcome) {
      if (reached < AckLevel::kDatabase) return;
      MutexLock lock(mutex_);
      order_.push_back(request);
      outcomes_[request] = outcome;
      changed_.NotifyAll();
    };
  }

  // Waits for the answer to a request.
  RequestOutcome Await(const std::string& request) {
    MutexLock lock(mutex_);
    while (!outcomes_.contains(request)) changed_.Wait(mutex_);
    return outcomes_[request];
  }
  // Real time: for what must never hang. False: no answer came.
  bool ArrivesWithin(const std::string& request, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    MutexLock lock(mutex_);
    while (!outcomes_.contains(request) && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitUntil(mutex_, deadline);
    }
    return outcomes_.contains(request);
  }
  bool Has(const std::string& request) {
    MutexLock lock(mutex_);
    return outcomes_.contains(request);
  }
  std::vector<std::string> order() {
    MutexLock lock(mutex_);
    return order_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, RequestOutcome> outcomes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> order_ ABSL_GUARDED_BY(mutex_);
};

// What a stream of the producer is told, by a pipeline that answers at once: the journal knows.
inline uint64_t LastSequence(Pipeline& pipeline, const std::string& producer_id) {
  uint64_t last_sequence = 0;
  pipeline.OpenSession(producer_id, [&](const absl::StatusOr<Pipeline::Session>& session) {
    last_sequence = session.ok() ? session->last_sequence : 0;
  });
  return last_sequence;
}

// A pipeline over a FakeDatabase in simulated time. Batches of 10 rows, 20 ms of linger.
class PipelineTest {
 protected:
  using Strings = std::vector<std::string>;

  explicit PipelineTest(TableSchema schema = TestTableAB(Conflict::kUpdate))
      : database(std::move(schema)) {
    options.table.name.push_back('t');
    options.label = options.table.name;
    options.batch = {10, 1'000'000, kLinger};
    target = database.MakeTarget();
    metrics.AddTarget("fake", {[] { return 0U; }, [] { return false; },
                               [this] { return pipeline->ended_last_hour(); }});
    pipeline_metrics = metrics.AddPipeline("fake", "t");
  }

  // Makes the pipeline by `options`, not yet opened.
  void Make(Clock* other_clock = nullptr) {
    pipeline =
        std::make_unique<Pipeline>(options, target.get(), pipeline_metrics,
                                   other_clock != nullptr ? other_clock : &clock, &budget, nullptr);
  }

  absl::StatusOr<Pipeline::Schema> Open(std::vector<NewColumn> shape = {}) {
    Mutex mutex;
    CondVar changed;
    std::optional<absl::StatusOr<Pipeline::Schema>> answer;
    pipeline->Open(std::move(shape), [&](absl::StatusOr<Pipeline::Schema> schema) {
      MutexLock lock(mutex);
      answer = std::move(schema);
      changed.NotifyAll();
    });
    MutexLock lock(mutex);
    while (!answer.has_value()) changed.Wait(mutex);
    return *answer;
  }

  void MakeAndOpen() {
    Make();
    if (!Open().ok()) throw std::logic_error("the fake database did not open");
  }

  QueuedBlock Block(const std::string& request, const std::vector<TestRow>& rows,
                    AckLevel level = AckLevel::kDatabase) {
    const Pipeline::Schema schema = pipeline->schema();
    QueuedBlock block;
    block.rows = BuildBlock(*schema, rows);
    block.schema = schema;
    block.receipt = Receipt(answers.For(request));
    block.level = level;
    return block;
  }

  // One request of one row, or of many with ascending ids.
  absl::Status Submit(const std::string& request, int64_t id, int64_t rows = 1,
                      AckLevel level = AckLevel::kDatabase) {
    std::vector<TestRow> cells;
    for (int64_t i = 0; i < rows; ++i) cells.push_back({{"id", Value::Int(id + i)}});
    return pipeline->Submit(Block(request, cells, level)).status();
  }

  // Ids in the order of their writing, of one Write.
  Strings Written(size_t write) { return database.writes().at(write).rows; }

  static constexpr Duration kLinger = std::chrono::milliseconds(20);

  SimulatedClock clock;
  FakeDatabase database;
  Metrics metrics{{}, &clock};
  PipelineMetrics* pipeline_metrics = nullptr;
  Answers answers;
  Budget budget{100'000'000};
  Pipeline::Options options;
  std::unique_ptr<Target> target;
  std::unique_ptr<Pipeline> pipeline;
};

}  // namespace batchsql
