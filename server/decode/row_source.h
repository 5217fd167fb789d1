#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/executor.h"
#include "core/row_block_builder.h"

namespace batchsql {

// Limits of one request; RESOURCE_EXHAUSTED (LimitPassed) past one of them.
struct RequestLimits {
  uint32_t request_rows_max = 100'000;
  uint64_t request_bytes_max = uint64_t{16} << 20;
  uint64_t row_bytes_max = uint64_t{4} << 20;
  uint32_t columns_max = 1600;
  uint32_t json_depth_max = 64;  // brackets open at once
};

// The rows of one request in the form in which they came: protobuf rows, protobuf columns, JSON.
// Reads from a buffer that its maker keeps alive. One thread at a time.
class RowSource {
 public:
  virtual ~RowSource() = default;

  // Hands every row to the builder, which was started by the caller. INVALID_ARGUMENT for a
  // malformed request, RESOURCE_EXHAUSTED past a limit; the builder is then of no use.
  virtual absl::Status Decode(RowBlockBuilder& builder) const = 0;

  // The columns that the rows have, with types as their values suggest: for a table that is to be
  // made, or to get columns. Errors as Decode.
  virtual absl::StatusOr<std::vector<NewColumn>> InferColumns() const = 0;
};

}  // namespace batchsql
