#include "server/http/rows_writer.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/mutex.h"
#include "server/decode/json_rows.h"
#include "server/unary_write.h"

namespace batchsql {
namespace {

// Where the HTTP thread waits for its answer. Shared, because that thread may give up first.
class PendingAnswer {
 public:
  void Set(absl::StatusOr<WriteAnswer> answer) {
    MutexLock lock(mutex_);
    answer_ = std::move(answer);
    set_.NotifyAll();
  }

  absl::StatusOr<WriteAnswer> Wait(Duration wait_max) {
    const TimePoint deadline = std::chrono::steady_clock::now() + wait_max;
    MutexLock lock(mutex_);
    while (!answer_.has_value()) {
      if (std::chrono::steady_clock::now() >= deadline) {
        return absl::DeadlineExceededError(
            absl::StrCat("no answer from the database within ",
                         std::chrono::duration_cast<std::chrono::milliseconds>(wait_max).count(),
                         " ms; the rows may still be written"));
      }
      set_.WaitUntil(mutex_, deadline);
    }
    return *std::move(answer_);
  }

 private:
  Mutex mutex_;
  CondVar set_;
  std::optional<absl::StatusOr<WriteAnswer>> answer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<WriteAnswer> RowsWriter::Write(RowsRequest request) {
  const absl::StatusOr<Pipeline*> pipeline = ingestor_.Find(request.table);
  if (!pipeline.ok()) return pipeline.status();
  const absl::StatusOr<AckLevel> level = ResolveLevel(request.ack, **pipeline);
  if (!level.ok()) return level.status();
  IntakeRequest intake;
  intake.pipeline = *pipeline;
  intake.level = *level;
  if (!request.producer_id.empty() && request.sequence != 0) {
    intake.producer_id = std::move(request.producer_id);
    intake.sequence = request.sequence;
    intake.digest = DigestOf(request.body);
  }
  intake.size_bytes = request.body.size();
  intake.rows =
      std::make_unique<JsonRowSource>(request.form, std::move(request.body), limits_.Get());
  const auto pending = std::make_shared<PendingAnswer>();
  WriteOnce(std::move(intake), ingestor_.budget(),
            [pending](absl::StatusOr<WriteAnswer> answer) { pending->Set(std::move(answer)); });
  return pending->Wait(options_.wait_max);
}

}  // namespace batchsql
