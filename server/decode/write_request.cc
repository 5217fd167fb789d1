#include "server/decode/write_request.h"

#include <protozero/pbf_message.hpp>

#include "absl/strings/str_cat.h"
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
};

constexpr size_t kProducerBytesMax = 255;

std::string_view View(const protozero::data_view& view) { return {view.data(), view.size()}; }

}  // namespace

absl::StatusOr<DecodedRequest> DecodeWriteRequest(std::string_view message,
                                                  const RequestLimits& limits) {
  DecodedRequest request;
  try {
    protozero::pbf_message<RequestField> reader(message.data(), message.size());
    while (reader.next()) {
      switch (reader.tag()) {
        case RequestField::kTable:
          request.table = View(reader.get_view());
          break;
        case RequestField::kProducerId:
          request.producer_id = View(reader.get_view());
          if (request.producer_id.size() > kProducerBytesMax) {
            return absl::InvalidArgumentError(
                absl::StrCat("producer_id is longer than ", kProducerBytesMax, " bytes"));
          }
          break;
        case RequestField::kSequence:
          request.sequence = reader.get_uint64();
          break;
        case RequestField::kAck:
          request.ack = reader.get_enum();
          break;
        case RequestField::kRows:
          request.rows = std::make_unique<ProtoRows>(View(reader.get_view()), limits);
          break;
        case RequestField::kColumns:
          request.rows = std::make_unique<ProtoColumns>(View(reader.get_view()), limits);
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("malformed request: ", error.what()));
  }
  return request;
}

}  // namespace batchsql
