#include "server/grpc/write_intake.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/limit_error.h"

namespace batchsql {

absl::StatusOr<ReceivedRequest> ReceiveWriteRequest(const grpc::ByteBuffer& message,
                                                    const RequestLimits& limits) {
  if (message.Length() > limits.request_bytes_max) {
    return LimitPassed(absl::StrCat("the request has ", message.Length(),
                                    " bytes, limits.request_bytes_max is ",
                                    limits.request_bytes_max));
  }
  auto slice = std::make_shared<grpc::Slice>();
  if (!message.TrySingleSlice(slice.get()).ok() && !message.DumpToSingleSlice(slice.get()).ok()) {
    return absl::InternalError("the received message cannot be read");
  }
  const std::string_view bytes(reinterpret_cast<const char*>(slice->begin()), slice->size());
  absl::StatusOr<DecodedRequest> request = DecodeWriteRequest(bytes, limits);
  if (!request.ok()) return request.status();
  return ReceivedRequest{std::move(slice), *std::move(request)};
}

absl::StatusOr<std::optional<AckLevel>> ReadAckLevel(int ack) {
  switch (ack) {
    case v1::ACK_LEVEL_UNSPECIFIED:
      return std::nullopt;
    case v1::ACK_LEVEL_MEMORY:
      return AckLevel::kMemory;
    case v1::ACK_LEVEL_JOURNAL:
      return AckLevel::kJournal;
    case v1::ACK_LEVEL_DATABASE:
      return AckLevel::kDatabase;
    default:
      return absl::InvalidArgumentError(absl::StrCat("unknown acknowledgement level ", ack));
  }
}

absl::Status FillNumber(const DecodedRequest& request, IntakeRequest* intake) {
  if (request.resume_at != 0 && request.resume_at != request.sequence) {
    return absl::InvalidArgumentError("resume_at is not the request's sequence");
  }
  if (request.producer_id.empty() || request.sequence == 0) return absl::OkStatus();
  intake->producer_id = std::string(request.producer_id);
  intake->sequence = request.sequence;
  intake->digest = DigestOf(request.payload);
  intake->resumes = request.resume_at != 0;
  return absl::OkStatus();
}

void FillRejectedRow(const RowRejection& rejection, v1::RejectedRow* row) {
  row->set_row(rejection.row);
  row->set_field(rejection.field);
  row->set_reason(static_cast<v1::RejectReason>(rejection.reason));
  row->set_detail(rejection.detail);
}

grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace batchsql
