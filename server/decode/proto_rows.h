#pragma once

#include <string_view>

#include "server/decode/row_source.h"

namespace batchsql {

// batchsql.v1.Rows, read in place from its encoded bytes.
class ProtoRows : public RowSource {
 public:
  ProtoRows(std::string_view message, const RequestLimits& limits)
      : message_(message), limits_(limits) {}

  absl::Status Decode(RowBlockBuilder& builder) const override;
  absl::StatusOr<std::vector<NewColumn>> InferColumns() const override;

 private:
  std::string_view message_;
  RequestLimits limits_;
};

}  // namespace batchsql
