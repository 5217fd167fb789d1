#include "server/unary_write.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "core/mutex.h"

namespace batchsql {
namespace {

using Callback = absl::AnyInvocable<void(absl::StatusOr<WriteAnswer>)>;

// Shared by the intake's callback and the receipt's listener, which come in either order and from
// two threads; whoever completes the answer gives it.
class UnaryWrite {
 public:
  UnaryWrite(AckLevel level, Callback callback) : level_(level), callback_(std::move(callback)) {}

  void Taken(absl::StatusOr<IntakeResult> result) {
    {
      MutexLock lock(mutex_);
      taken_ = true;
      if (result.ok()) {
        answer_.accepted += result->queued_rows;
        Add(std::move(result->rejected));
        reached_ = reached_ || !result->awaited || level_ == AckLevel::kMemory;
      } else {
        status_ = result.status();
        reached_ = true;
      }
    }
    AnswerWhenComplete();
  }

  void Progress(AckLevel reached, const RequestOutcome& outcome) {
    {
      MutexLock lock(mutex_);
      if (answered_ || reached < level_) return;
      reached_ = true;
      if (status_.ok()) status_ = outcome.status;
      // May come before Taken adds the rows: the sum is right once both have come.
      answer_.accepted -= static_cast<uint32_t>(outcome.rejected.size());
      Add(outcome.rejected);
    }
    AnswerWhenComplete();
  }

 private:
  void Add(std::vector<RowRejection> rejected) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::move(rejected.begin(), rejected.end(), std::back_inserter(answer_.rejected));
  }

  void AnswerWhenComplete() {
    Callback callback;
    absl::StatusOr<WriteAnswer> answer;
    {
      MutexLock lock(mutex_);
      if (!taken_ || !reached_ || answered_) return;
      answered_ = true;
      std::sort(answer_.rejected.begin(), answer_.rejected.end(),
                [](const RowRejection& a, const RowRejection& b) { return a.row < b.row; });
      if (status_.ok()) {
        answer = std::move(answer_);
      } else {
        answer = status_;
      }
      callback = std::move(callback_);
    }
    callback(std::move(answer));
  }

  const AckLevel level_;
  Mutex mutex_;
  Callback callback_ ABSL_GUARDED_BY(mutex_);
  WriteAnswer answer_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool reached_ ABSL_GUARDED_BY(mutex_) = false;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

void WriteOnce(IntakeRequest request, Budget& budget, Callback callback) {
  const auto write = std::make_shared<UnaryWrite>(request.level, std::move(callback));
  TakeRows(
      std::move(request), budget,
      [write](AckLevel reached, const RequestOutcome& outcome) {
        write->Progress(reached, outcome);
      },
      [write](absl::StatusOr<IntakeResult> result) { write->Taken(std::move(result)); });
}

}  // namespace batchsql
