#include "server/grpc/write_call.h"

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

absl::Status StartWrite(Ingestor& ingestor, const RequestLimits& limits, GrpcMetrics& metrics,
                        const grpc::ByteBuffer& message, grpc::ByteBuffer* response,
                        grpc::ServerUnaryReactor* reactor) {
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
            [&metrics, sequence, response, reactor](absl::StatusOr<WriteAnswer> answer) {
              if (answer.ok()) *response = ToByteBuffer(MakeResponse(sequence, *answer));
              metrics.write.Finish(reactor, ToGrpcStatus(answer.status()));
            });
  return absl::OkStatus();
}

}  // namespace

void ServeWrite(Ingestor& ingestor, const RequestLimits& limits, GrpcMetrics& metrics,
                const grpc::ByteBuffer& message, grpc::ByteBuffer* response,
                grpc::ServerUnaryReactor* reactor) {
  const absl::Status status = StartWrite(ingestor, limits, metrics, message, response, reactor);
  if (!status.ok()) metrics.write.Finish(reactor, ToGrpcStatus(status));
}

}  // namespace batchsql
