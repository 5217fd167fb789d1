#include "server/grpc/write_call.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "server/grpc/status_details.h"
#include "server/grpc/write_intake.h"
#include "server/unary_write.h"

namespace batchsql {
namespace {

v1::WriteResponse MakeResponse(uint64_t sequence, const WriteAnswer& answer) {
  v1::WriteResponse response;
  response.set_sequence(sequence);
  response.set_accepted(answer.accepted);
  for (const RowRejection& rejection : answer.rejected) {
    FillRejectedRow(rejection, response.add_rejected());
  }
  return response;
}

// A call until its answer, or until its client gives it up: rows may wait for a database for as
// long as it is away, and gRPC keeps a request for as long as its call lasts. Shared by the reactor
// and the rows' callback; the first of them ends the call.
class OpenCall {
 public:
  OpenCall(grpc::ServerUnaryReactor* reactor, grpc::ByteBuffer* response, CallMetrics& metrics)
      : reactor_(reactor), response_(response), metrics_(metrics) {}

  void End(const grpc::Status& status, const grpc::ByteBuffer& response = {}) {
    if (ended_.exchange(true)) return;
    *response_ = response;  // shares the bytes
    metrics_.Finish(reactor_, status);
  }

 private:
  grpc::ServerUnaryReactor* const reactor_;  // gone once the call has ended
  grpc::ByteBuffer* const response_;
  CallMetrics& metrics_;
  std::atomic<bool> ended_ = false;
};

// Deletes itself when gRPC has done with it.
class WriteReactor : public grpc::ServerUnaryReactor {
 public:
  WriteReactor(grpc::ByteBuffer* response, CallMetrics& metrics)
      : call_(std::make_shared<OpenCall>(this, response, metrics)) {}

  const std::shared_ptr<OpenCall>& call() const { return call_; }

  void OnCancel() override { call_->End(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  const std::shared_ptr<OpenCall> call_;
};

absl::Status StartWrite(Ingestor& ingestor, const RequestLimits& limits, GrpcMetrics& metrics,
                        const grpc::ByteBuffer& message, const std::shared_ptr<OpenCall>& call) {
  metrics.received_bytes.Increment(static_cast<double>(message.Length()));
  absl::StatusOr<ReceivedRequest> received = ReceiveWriteRequest(message, limits);
  if (!received.ok()) return received.status();
  DecodedRequest& request = received->request;
  if (request.rows == nullptr) {
    return absl::InvalidArgumentError("the request has neither rows nor columns");
  }
  const absl::StatusOr<std::optional<AckLevel>> asked = ReadAckLevel(request.ack);
  if (!asked.ok()) return asked.status();
  const absl::StatusOr<Pipeline*> pipeline = ingestor.Find(request.table);
  if (!pipeline.ok()) return pipeline.status();
  const absl::StatusOr<AckLevel> level = ResolveLevel(*asked, **pipeline);
  if (!level.ok()) return level.status();

  const uint64_t sequence = request.sequence;
  IntakeRequest intake;
  intake.pipeline = *pipeline;
  intake.level = *level;
  if (absl::Status status = FillNumber(request, &intake); !status.ok()) return status;
  intake.rows = std::move(request.rows);
  intake.buffer = received->buffer;
  intake.size_bytes = message.Length();
  WriteOnce(std::move(intake), ingestor.budget(),
            [sequence, call](absl::StatusOr<WriteAnswer> answer) {
              if (answer.ok()) {
                call->End(grpc::Status::OK, ToByteBuffer(MakeResponse(sequence, *answer)));
              } else {
                call->End(ToGrpcStatus(answer.status()));
              }
            });
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ServeWrite(Ingestor& ingestor, const RequestLimits& limits,
                                     GrpcMetrics& metrics, const grpc::ByteBuffer& message,
                                     grpc::ByteBuffer* response) {
  auto* const reactor = new WriteReactor(response, metrics.write);
  // The reactor may be gone as soon as the call has ended.
  const std::shared_ptr<OpenCall> call = reactor->call();
  const absl::Status status = StartWrite(ingestor, limits, metrics, message, call);
  if (!status.ok()) call->End(ToGrpcStatus(status));
  return reactor;
}

}  // namespace batchsql
