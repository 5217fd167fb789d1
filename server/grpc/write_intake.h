#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "batchsql/v1/ingest.pb.h"
#include "core/ingestor.h"
#include "core/rejection.h"
#include "server/decode/write_request.h"
#include "server/intake.h"

namespace batchsql {

// A received message and what was read from it; `request` points into `buffer`.
struct ReceivedRequest {
  std::shared_ptr<const grpc::Slice> buffer;
  DecodedRequest request;
};

// RESOURCE_EXHAUSTED past limits.request_bytes_max; INVALID_ARGUMENT for what is no request.
absl::StatusOr<ReceivedRequest> ReceiveWriteRequest(const grpc::ByteBuffer& message,
                                                    const RequestLimits& limits);

// The level asked for; nullopt: the default. INVALID_ARGUMENT for an unknown number.
absl::StatusOr<std::optional<AckLevel>> ReadAckLevel(int ack);
// A numbered request's part of `intake`. INVALID_ARGUMENT for a resume_at that is not the sequence.
absl::Status FillNumber(const DecodedRequest& request, IntakeRequest* intake);

void FillRejectedRow(const RowRejection& rejection, v1::RejectedRow* row);

// Encodes a message for a method that is served raw.
grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message);

}  // namespace batchsql
