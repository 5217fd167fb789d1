#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/batcher.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/target.h"

namespace batchsql {

enum class PipelineState : uint8_t {
  kOpening,  // the database has not described the table yet
  kRunning,
  kRetrying,  // the last attempt failed; another follows by itself
  kPaused,    // a person must mend something in the database; probed until it works
  kStopped,   // a person must restart the daemon
};
std::string_view PipelineStateName(PipelineState state);

// Totals since the pipeline was made, and what it holds now.
struct PipelineStatus {
  PipelineState state = PipelineState::kOpening;
  std::string last_error;    // code; empty after a success
  uint64_t queued_rows = 0;  // waiting or being written
  uint64_t queued_bytes = 0;
  uint64_t received_rows = 0;
  uint64_t rejected_rows = 0;  // by validation
  uint64_t coalesced_rows = 0;
  uint64_t committed_rows = 0;
  uint64_t failed_rows = 0;  // refused by the database, or given up at the shutdown's deadline
};

// One table's way into its database: the queue, the threads that flush it, and its retries. Owns
// its threads, which end with Drain. Every method is thread-safe.
class Pipeline {
 public:
  struct Options {
    std::string label;  // as clients and metrics call the table
    TableName table;
    WriteRule rule;
    bool create_missing = false;  // make the table from the first rows
    bool add_columns = false;     // add columns that rows name and the table lacks
    BatchLimits batch;
    uint32_t flushers = 1;  // flushes in flight; more than one only takes effect for kInsert
    Duration backoff_base = std::chrono::milliseconds(50);
    Duration backoff_max = std::chrono::seconds(10);
    Duration probe_interval_max = std::chrono::seconds(30);  // while paused
  };
  using Schema = std::shared_ptr<const TableSchema>;
  // Called once, with the schema, or with why there is none: NOT_FOUND, UNAVAILABLE,
  // FAILED_PRECONDITION.
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<Schema>)>;

  Pipeline(Options options, Target* target, PipelineMetrics* metrics, Clock* clock);
  ~Pipeline();

  const Options& options() const { return options_; }
  const Target& target() const { return *target_; }

  // The table as last described; null before the first time.
  Schema schema() const;
  // Describes the table; makes it, or adds columns, where the options say so and `shape` (the
  // columns of the rows that wait, may be empty) tells how. Calls back from a thread of the
  // pipeline.
  void Open(std::vector<NewColumn> shape, OpenCallback callback);

  // Takes rows over: from here on the receipt is the pipeline's. UNAVAILABLE, with the receipt
  // dismissed, while draining or stopped.
  [[nodiscard]] absl::Status Submit(QueuedBlock block);
  // Counts rows that validation refused; they never come to Submit.
  void CountRejected(uint64_t rows);

  // Stops taking rows, flushes what is queued until `deadline`, answers the rest with UNAVAILABLE,
  // and ends the threads. A second call does nothing, and does not wait for the first.
  void Drain(TimePoint deadline);

  PipelineStatus status() const;

 private:
  struct OpenRequest {
    std::vector<NewColumn> shape;
    OpenCallback callback;
  };
  // What a flusher does next.
  struct Work {
    std::deque<OpenRequest> opens;
    Batch batch;
    bool stop = false;
  };
  enum class AttemptResult : uint8_t { kAnswered, kAgain };
  struct Flush;

  void RunFlusher();
  Work NextWork();
  bool TakeWork(TimePoint now, Work* work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<TimePoint> NextDue(TimePoint now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t FlushersAllowed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void RunOpens(std::deque<OpenRequest> opens);
  absl::StatusOr<Schema> OpenOnce(const std::vector<NewColumn>& shape);
  absl::StatusOr<TableSchema> DescribeOrCreate(Executor& executor,
                                               const std::vector<NewColumn>& shape);
  std::vector<NewColumn> KeyedShape(std::vector<NewColumn> shape) const;

  // core/pipeline_flush.cc
  void RunFlush(Batch batch);
  AttemptResult Attempt(Flush& flush);
  AttemptResult HandleFailure(Flush& flush, const DatabaseError& error);
  AttemptResult Retry(Flush& flush, const DatabaseError& error);
  AttemptResult Probe(Flush& flush, const DatabaseError& error);
  AttemptResult Stop(Flush& flush, const DatabaseError& error);
  bool AnswerIfStopped(Flush& flush);
  void Halve(Flush& flush);
  void Redescribe(Flush& flush);
  void AdoptSchema(Flush& flush, const Schema& schema);
  void Commit(Flush& flush, const WriteOutcome& outcome);
  void AnswerFlush(Flush& flush, const absl::Status& status);
  void AnswerAll(Batch& batch, const absl::Status& status);
  bool WaitBeforeRetry(Duration wait);
  void SetState(PipelineState state, const std::string& code);
  void GiveUpQueue();

  const Options options_;
  Target* const target_;
  PipelineMetrics* const metrics_;
  Clock* const clock_;

  mutable Mutex mutex_;
  CondVar wake_;
  Batcher batcher_ ABSL_GUARDED_BY(mutex_);
  std::deque<OpenRequest> opens_ ABSL_GUARDED_BY(mutex_);
  Schema schema_ ABSL_GUARDED_BY(mutex_);
  PipelineStatus status_ ABSL_GUARDED_BY(mutex_);
  uint64_t flushing_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t flushing_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t flushing_ ABSL_GUARDED_BY(mutex_) = 0;  // flushers at work
  bool opening_ ABSL_GUARDED_BY(mutex_) = false;   // DDL or Describe under way: no flush starts
  std::optional<TimePoint> reopen_at_ ABSL_GUARDED_BY(mutex_);
  Lsn next_lsn_ ABSL_GUARDED_BY(mutex_) = 1;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint drain_deadline_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> flushers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
