#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/decode/row_source.h"

namespace batchsql {

// batchsql.v1.WriteRequest and WriteStreamRequest (which have the same fields), read from the
// received bytes without a copy: the views and `rows` point into them.
struct DecodedRequest {
  std::string_view table;
  std::string_view producer_id;
  uint64_t sequence = 0;
  uint64_t resume_at = 0;
  int ack = 0;                      // as sent
  std::string_view payload;         // the rows' bytes
  std::unique_ptr<RowSource> rows;  // null: no payload
};

// INVALID_ARGUMENT for bytes that are no such message, or a producer_id of more than 255 bytes.
absl::StatusOr<DecodedRequest> DecodeWriteRequest(std::string_view message,
                                                  const RequestLimits& limits);

}  // namespace batchsql
