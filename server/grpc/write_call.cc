#include "server/grpc/write_call.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "server/grpc/status_details.h"
#include "server/grpc/write_intake.h"
#include "server/intake.h"

namespace batchsql {
namespace {

// One unary call. Shared by the intake's callback and the receipt's listener, which may come in
// either order and from two threads; whoever completes the call answers it.
class WriteCall {
 public:
  WriteCall(AckLevel level, uint64_t sequence, grpc::ByteBuffer* response,
            grpc::ServerUnaryReactor* reactor)
      : level_(level), sequence_(sequence), response_(response), reactor_(reactor) {}

  void Taken(absl::StatusOr<IntakeResult> result) {
    {
      MutexLock lock(mutex_);
      taken_ = true;
      if (result.ok()) {
        queued_rows_ = result->queued_rows;
        Add(std::move(result->rejected));
      } else {
        status_ = result.status();
      }
      reached_ = reached_ || !status_.ok() || queued_rows_ == 0 || level_ == AckLevel::kMemory;
    }
    AnswerWhenComplete();
  }

  void Progress(AckLevel reached, const RequestOutcome& outcome) {
    {
      MutexLock lock(mutex_);
      if (answered_ || reached < level_) return;
      reached_ = true;
      status_ = outcome.status;
      refused_ += static_cast<uint32_t>(outcome.rejected.size());
      Add(outcome.rejected);
    }
    AnswerWhenComplete();
  }

 private:
  void Add(std::vector<RowRejection> rejected) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    rejected_.insert(rejected_.end(), std::make_move_iterator(rejected.begin()),
                     std::make_move_iterator(rejected.end()));
  }

  void AnswerWhenComplete() {
    absl::Status status;
    {
      MutexLock lock(mutex_);
      if (!taken_ || !reached_ || answered_) return;
      answered_ = true;
      status = status_;
      if (status.ok()) *response_ = ToByteBuffer(MakeResponse());
    }
    reactor_->Finish(ToGrpcStatus(status));
  }

  v1::WriteResponse MakeResponse() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::sort(rejected_.begin(), rejected_.end(),
              [](const RowRejection& a, const RowRejection& b) { return a.row < b.row; });
    v1::WriteResponse response;
    response.set_sequence(sequence_);
    response.set_accepted(queued_rows_ - refused_);
    for (const RowRejection& rejection : rejected_) {
      FillRejectedRow(rejection, response.add_rejected());
    }
    return response;
  }

  const AckLevel level_;
  const uint64_t sequence_;
  grpc::ByteBuffer* const response_;
  grpc::ServerUnaryReactor* const reactor_;
  Mutex mutex_;
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool reached_ ABSL_GUARDED_BY(mutex_) = false;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t queued_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t refused_ ABSL_GUARDED_BY(mutex_) = 0;  // by the database, of the queued ones
  std::vector<RowRejection> rejected_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

absl::Status StartWrite(Ingestor& ingestor, const RequestLimits& limits,
                        const grpc::ByteBuffer& message, grpc::ByteBuffer* response,
                        grpc::ServerUnaryReactor* reactor) {
  absl::StatusOr<ReceivedRequest> received = ReceiveWriteRequest(message, limits);
  if (!received.ok()) return received.status();
  DecodedRequest& request = received->request;
  if (request.rows == nullptr) {
    return absl::InvalidArgumentError("the request has neither rows nor columns");
  }
  const absl::StatusOr<AckLevel> level = ReadAckLevel(request.ack);
  if (!level.ok()) return level.status();
  const absl::StatusOr<Pipeline*> pipeline = ingestor.Find(request.table);
  if (!pipeline.ok()) return pipeline.status();

  auto call = std::make_shared<WriteCall>(*level, request.sequence, response, reactor);
  IntakeRequest intake{*pipeline,        *level, std::string(request.producer_id),
                       request.sequence, std::move(request.rows), received->buffer,
                       message.Length(), /*waits_for_memory=*/false};
  TakeRows(
      std::move(intake), ingestor.budget(),
      [call](AckLevel reached, const RequestOutcome& outcome) { call->Progress(reached, outcome); },
      [call](absl::StatusOr<IntakeResult> result) { call->Taken(std::move(result)); });
  return absl::OkStatus();
}

}  // namespace

void ServeWrite(Ingestor& ingestor, const RequestLimits& limits, const grpc::ByteBuffer& message,
                grpc::ByteBuffer* response, grpc::ServerUnaryReactor* reactor) {
  const absl::Status status = StartWrite(ingestor, limits, message, response, reactor);
  if (!status.ok()) reactor->Finish(ToGrpcStatus(status));
}

}  // namespace batchsql
