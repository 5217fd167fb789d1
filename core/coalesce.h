#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/write_plan.h"

namespace batchsql {

// Rows after coalescing.
struct CoalescedRows {
  std::vector<RowRef> rows;  // ascending by key; rows without a whole key come last, in LSN order
  std::unique_ptr<RowBlock> merged;  // rows made of several, referred to as block `blocks.size()`
  absl::flat_hash_map<RowRef, std::vector<RowRef>> originals;
  uint64_t absorbed = 0;  // rows that another one stands for
};

// Leaves one row for each key (docs/architecture.md, "Coalescing"): under kIgnore the first, under
// kReplace the last, under kUpdate one merged of all. Rows with NULL or nothing in a key column
// stay as they are. Needs schema.CanCoalesce().
CoalescedRows Coalesce(const TableSchema& schema, absl::Span<const RowBlock* const> blocks);

}  // namespace batchsql
