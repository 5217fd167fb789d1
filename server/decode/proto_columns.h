#pragma once

#include <string_view>

#include "server/decode/row_source.h"

namespace batchsql {

// batchsql.v1.Columns, read in place from its encoded bytes.
class ProtoColumns : public RowSource {
 public:
  ProtoColumns(std::string_view message, const RequestLimits& limits)
      : message_(message), limits_(limits) {}

  absl::Status Decode(RowBlockBuilder& builder) const override;
  absl::StatusOr<std::vector<NewColumn>> InferColumns() const override;

 private:
  std::string_view message_;
  RequestLimits limits_;
};

}  // namespace batchsql
