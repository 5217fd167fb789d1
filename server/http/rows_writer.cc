#include "server/http/rows_writer.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/mutex.h"
#include "server/decode/json_rows.h"
#include "server/intake.h"

namespace batchsql {
namespace {

// One request, shared by the thread that waits for it, the intake's callback and the receipt's
// listener; the waiting thread may be gone when those come.
class PendingWrite {
 public:
  explicit PendingWrite(AckLevel level) : level_(level) {}

  void Taken(absl::StatusOr<IntakeResult> result) {
    MutexLock lock(mutex_);
    taken_ = true;
    if (result.ok()) {
      answer_.accepted += result->queued_rows;
      Add(result->rejected);
      reached_ = reached_ || result->queued_rows == 0 || level_ == AckLevel::kMemory;
    } else {
      status_ = result.status();
      reached_ = true;
    }
    changed_.NotifyAll();
  }

  void Progress(AckLevel reached, const RequestOutcome& outcome) {
    MutexLock lock(mutex_);
    if (reached_ || reached < level_) return;
    reached_ = true;
    status_ = outcome.status;
    refused_ = static_cast<uint32_t>(outcome.rejected.size());
    Add(outcome.rejected);
    changed_.NotifyAll();
  }

  absl::StatusOr<RowsAnswer> Wait(Duration wait_max) {
    const TimePoint deadline = std::chrono::steady_clock::now() + wait_max;
    MutexLock lock(mutex_);
    while (!(taken_ && reached_)) {
      if (std::chrono::steady_clock::now() >= deadline) {
        reached_ = true;  // what comes now is for nobody
        return absl::DeadlineExceededError(absl::StrCat(
            "no answer from the database within ",
            std::chrono::duration_cast<std::chrono::milliseconds>(wait_max).count(),
            " ms; the rows may still be written"));
      }
      changed_.WaitUntil(mutex_, deadline);
    }
    if (!status_.ok()) return status_;
    answer_.accepted -= refused_;
    std::sort(answer_.rejected.begin(), answer_.rejected.end(),
              [](const RowRejection& a, const RowRejection& b) { return a.row < b.row; });
    return std::move(answer_);
  }

 private:
  void Add(const std::vector<RowRejection>& rejected) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::copy(rejected.begin(), rejected.end(), std::back_inserter(answer_.rejected));
  }

  const AckLevel level_;
  Mutex mutex_;
  CondVar changed_;
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool reached_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t refused_ ABSL_GUARDED_BY(mutex_) = 0;  // by the database, of the accepted ones
  RowsAnswer answer_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<RowsAnswer> RowsWriter::Write(RowsRequest request) {
  const absl::StatusOr<Pipeline*> pipeline = ingestor_.Find(request.table);
  if (!pipeline.ok()) return pipeline.status();
  IntakeRequest intake;
  intake.pipeline = *pipeline;
  intake.level = request.ack;
  intake.producer_id = std::move(request.producer_id);
  intake.sequence = request.sequence;
  intake.size_bytes = request.body.size();
  intake.rows =
      std::make_unique<JsonRowSource>(request.form, std::move(request.body), options_.limits);
  const auto pending = std::make_shared<PendingWrite>(request.ack);
  TakeRows(
      std::move(intake), ingestor_.budget(),
      [pending](AckLevel reached, const RequestOutcome& outcome) {
        pending->Progress(reached, outcome);
      },
      [pending](absl::StatusOr<IntakeResult> result) { pending->Taken(std::move(result)); });
  return pending->Wait(options_.wait_max);
}

}  // namespace batchsql
