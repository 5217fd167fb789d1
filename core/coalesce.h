#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/write_plan.h"

namespace batchsql {

// Rows after coalescing.
struct CoalescedRows {
  std::vector<RowRef> rows;  // ascending by key; none when `unsortable`
  // A row has NULL or nothing in a key column: which row it conflicts with is known to the database
  // alone (a default, a sequence, NULLS NOT DISTINCT), so all rows must be applied in LSN order.
  bool unsortable = false;
  std::unique_ptr<RowBlock> merged;  // rows made of several, referred to as block `blocks.size()`
  absl::flat_hash_map<RowRef, std::vector<RowRef>> originals;
  uint64_t absorbed = 0;  // rows that another one stands for
};

// Leaves one row for each key (docs/architecture.md, "Coalescing"): under kIgnore the first, under
// kReplace the last, under kUpdate one merged of all. Needs schema.CanCoalesce().
CoalescedRows Coalesce(const TableSchema& schema, absl::Span<const RowBlock* const> blocks);

}  // namespace batchsql
