#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/row_block.h"
#include "core/row_digest.h"
#include "core/table_schema.h"

namespace batchsql {

// One row of a plan: row `row` of plan.blocks[block].
struct RowRef {
  uint32_t block = 0;
  uint32_t row = 0;
  bool operator==(const RowRef&) const = default;
  bool operator<(const RowRef& other) const {  // LSN order
    return block != other.block ? block < other.block : row < other.row;
  }
  template <typename H>
  friend H AbslHashValue(H h, const RowRef& ref) {
    return H::combine(std::move(h), ref.block, ref.row);
  }
};

// Rows [begin, end) of plan.blocks[block].
struct RowRange {
  uint32_t block = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t size() const { return end - begin; }
  bool operator==(const RowRange&) const = default;
};

uint64_t CountRows(absl::Span<const RowRange> ranges);

// Schema indexes of the columns in which the row has a value or NULL, ascending.
std::vector<uint16_t> CarriedColumns(const RowBlock& block, uint32_t row);

// Rows that carry the same columns, so that one statement writes them.
struct WriteGroup {
  std::vector<uint16_t>
      columns;                 // schema indexes, ascending; every row has a value or NULL in each
  std::vector<RowRange> rows;  // in the order in which they must be applied
};

// What one flush writes, in order: groups one after the other, their rows one after the other.
struct WritePlan {
  std::shared_ptr<const TableSchema> schema;
  std::vector<const RowBlock*> blocks;  // owned by the batch, or `merged`
  std::vector<WriteGroup> groups;

  // Rows that coalescing built out of several others (kUpdate), as the last block of the plan.
  std::unique_ptr<RowBlock> merged;
  // For a row that stands for several: the rows that it replaced, in LSN order, itself included
  // where it is one of them. If the database refuses the row, these are tried one by one.
  absl::flat_hash_map<RowRef, std::vector<RowRef>> originals;
  // Rows of the batch that the plan does not write because a coalesced row stands for them.
  uint64_t coalesced_rows = 0;

  // Of all rows; only of tables that are declared exclusive.
  std::optional<RowDigest> digest;
};

// Calls fn(columns, row) for each row of `ranges`, in order; `columns` holds the block's views of
// `schema_columns`, in that order. The views are resolved once per range.
template <typename Fn>
void ForEachRow(const WritePlan& plan, absl::Span<const uint16_t> schema_columns,
                absl::Span<const RowRange> ranges, Fn&& fn) {
  absl::InlinedVector<ColumnView, 16> columns(schema_columns.size());
  uint32_t resolved = UINT32_MAX;
  for (const RowRange& range : ranges) {
    if (range.block != resolved) {
      for (size_t i = 0; i < columns.size(); ++i) {
        plan.blocks[range.block]->FindColumn(schema_columns[i], &columns[i]);
      }
      resolved = range.block;
    }
    for (uint32_t row = range.begin; row < range.end; ++row) {
      fn(absl::Span<const ColumnView>(columns), row);
    }
  }
}

// Plans the rows of `blocks`, which were all built against `schema` and come in LSN order: groups
// them by the columns they carry and, where the schema allows it, coalesces equal keys (kIgnore
// keeps the first, kReplace the last, kUpdate merges) and sorts by key. A batch in which a row
// lacks a part of its key keeps LSN order throughout.
WritePlan PlanWrite(std::shared_ptr<const TableSchema> schema, std::vector<const RowBlock*> blocks);

}  // namespace batchsql
