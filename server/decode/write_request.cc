#include "server/decode/write_request.h"

#include <protozero/pbf_message.hpp>

#include "absl/strings/str_cat.h"
#include "core/utf8.h"
#include "server/decode/proto_columns.h"
#include "server/decode/proto_rows.h"

namespace batchsql {
namespace {

// Field numbers of batchsql.v1.WriteRequest.
enum class RequestField : protozero::pbf_tag_type {
  kTable = 1,
  kProducerId = 2,
  kSequence = 3,
  kAck = 4,
  kRows = 5,
  kColumns = 6,
  kResumeAt = 7,
};

using Wire = protozero::pbf_wire_type;

constexpr size_t kProducerBytesMax = 255;

// A field with its wire type: a known field of another type is one that we do not know.
constexpr uint32_t Tag(RequestField field, Wire wire) {
  return protozero::tag_and_type(field, wire);
}

std::string_view View(const protozero::data_view& view) { return {view.data(), view.size()}; }

absl::Status CheckNames(const DecodedRequest& request) {
  if (!InspectUtf8(request.table).valid) {
    return absl::InvalidArgumentError("table is not valid UTF-8");
  }
  if (!InspectUtf8(request.producer_id).valid) {
    return absl::InvalidArgumentError("producer_id is not valid UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecodedRequest> DecodeWriteRequest(std::string_view message,
                                                  const RequestLimits& limits) {
  DecodedRequest request;
  try {
    protozero::pbf_message<RequestField> reader(message.data(), message.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Tag(RequestField::kTable, Wire::length_delimited):
          request.table = View(reader.get_view());
          break;
        case Tag(RequestField::kProducerId, Wire::length_delimited):
          request.producer_id = View(reader.get_view());
          if (request.producer_id.size() > kProducerBytesMax) {
            return absl::InvalidArgumentError(
                absl::StrCat("producer_id is longer than ", kProducerBytesMax, " bytes"));
          }
          break;
        case Tag(RequestField::kSequence, Wire::varint):
          request.sequence = reader.get_uint64();
          break;
        case Tag(RequestField::kAck, Wire::varint):
          request.ack = reader.get_enum();
          break;
        case Tag(RequestField::kRows, Wire::length_delimited):
          request.payload = View(reader.get_view());
          request.rows = std::make_unique<ProtoRows>(request.payload, limits);
          break;
        case Tag(RequestField::kColumns, Wire::length_delimited):
          request.payload = View(reader.get_view());
          request.rows = std::make_unique<ProtoColumns>(request.payload, limits);
          break;
        case Tag(RequestField::kResumeAt, Wire::varint):
          request.resume_at = reader.get_uint64();
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("malformed request: ", error.what()));
  }
  if (absl::Status status = CheckNames(request); !status.ok()) return status;
  return request;
}

}  // namespace batchsql
