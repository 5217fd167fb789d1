#include "cli/chunk.h"

namespace batchsql::cli {

void RowLines::Add(uint64_t line) {
  if (rows_ == 0) first_ = line;
  if (offsets_.empty() && line != first_ + rows_) {
    for (uint32_t row = 0; row < rows_; ++row) offsets_.push_back(row);
  }
  if (!offsets_.empty()) offsets_.push_back(static_cast<uint32_t>(line - first_));
  ++rows_;
}

void RowLines::Clear() {
  first_ = 0;
  rows_ = 0;
  offsets_.clear();
}

}  // namespace batchsql::cli
