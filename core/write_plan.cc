#include "core/write_plan.h"

#include <map>
#include <optional>
#include <utility>

#include "core/coalesce.h"

namespace batchsql {
namespace {

// The columns that every row of the block carries; nullopt when the rows differ.
std::optional<std::vector<uint16_t>> UniformColumns(const RowBlock& block) {
  std::vector<uint16_t> columns;
  for (uint32_t i = 0; i < block.column_count(); ++i) {
    const ColumnView view = block.column(i);
    uint32_t absent = 0;
    if (!view.all_values()) {
      for (uint32_t row = 0; row < block.rows(); ++row) {
        absent += view.state(row) == CellState::kAbsent ? 1 : 0;
      }
    }
    if (absent != 0 && absent != block.rows()) return std::nullopt;
    if (absent == 0) columns.push_back(view.schema_index());
  }
  return columns;
}

// Puts rows into groups by the columns they carry. Where order matters, rows only join the group
// before them.
class Grouping {
 public:
  Grouping(std::vector<WriteGroup>& groups, absl::Span<const RowBlock* const> blocks,
           bool order_matters)
      : groups_(groups), order_matters_(order_matters), blocks_(blocks) {
    for (const RowBlock* block : blocks) uniform_.push_back(UniformColumns(*block));
  }

  void AddBlock(uint32_t block) {
    if (uniform_[block]) {
      Append(GroupFor(*uniform_[block]), {block, 0, blocks_[block]->rows()});
      return;
    }
    for (uint32_t row = 0; row < blocks_[block]->rows(); ++row) AddRow({block, row});
  }

  void AddRow(RowRef row) {
    // Consecutive rows of one uniform block: the common case, without a look-up.
    if (uniform_[row.block] && row.block == last_block_) {
      Append(groups_[last_group_], {row.block, row.row, row.row + 1});
      return;
    }
    WriteGroup& group = uniform_[row.block]
                            ? GroupFor(*uniform_[row.block])
                            : GroupFor(CarriedColumns(*blocks_[row.block], row.row));
    last_block_ = uniform_[row.block] ? row.block : UINT32_MAX;
    last_group_ = static_cast<size_t>(&group - groups_.data());
    Append(group, {row.block, row.row, row.row + 1});
  }

 private:
  WriteGroup& GroupFor(const std::vector<uint16_t>& columns) {
    if (order_matters_) {
      if (groups_.empty() || groups_.back().columns != columns) groups_.push_back({columns, {}});
      return groups_.back();
    }
    const auto [found, is_new] = by_columns_.emplace(columns, groups_.size());
    if (is_new) groups_.push_back({columns, {}});
    return groups_[found->second];
  }

  static void Append(WriteGroup& group, RowRange range) {
    if (!group.rows.empty()) {
      RowRange& last = group.rows.back();
      if (last.block == range.block && last.end == range.begin) {
        last.end = range.end;
        return;
      }
    }
    group.rows.push_back(range);
  }

  std::vector<WriteGroup>& groups_;
  bool order_matters_;
  absl::Span<const RowBlock* const> blocks_;
  std::vector<std::optional<std::vector<uint16_t>>> uniform_;
  std::map<std::vector<uint16_t>, size_t> by_columns_;
  uint32_t last_block_ = UINT32_MAX;
  size_t last_group_ = 0;
};

}  // namespace

uint64_t CountRows(absl::Span<const RowRange> ranges) {
  uint64_t rows = 0;
  for (const RowRange& range : ranges) rows += range.size();
  return rows;
}

std::vector<uint16_t> CarriedColumns(const RowBlock& block, uint32_t row) {
  std::vector<uint16_t> columns;
  for (uint32_t i = 0; i < block.column_count(); ++i) {
    const ColumnView view = block.column(i);
    if (view.state(row) != CellState::kAbsent) columns.push_back(view.schema_index());
  }
  return columns;
}

WritePlan PlanWrite(std::shared_ptr<const TableSchema> schema,
                    std::vector<const RowBlock*> blocks) {
  WritePlan plan;
  plan.schema = std::move(schema);
  plan.blocks = std::move(blocks);
  CoalescedRows coalesced;
  if (plan.schema->CanCoalesce()) coalesced = Coalesce(*plan.schema, plan.blocks);
  if (!plan.schema->CanCoalesce() || coalesced.unsortable) {
    Grouping grouping(plan.groups, plan.blocks, !plan.schema->IsAppendOnly());
    for (uint32_t block = 0; block < plan.blocks.size(); ++block) grouping.AddBlock(block);
    return plan;
  }
  if (coalesced.merged != nullptr) plan.blocks.push_back(coalesced.merged.get());
  plan.merged = std::move(coalesced.merged);
  plan.originals = std::move(coalesced.originals);
  plan.coalesced_rows = coalesced.absorbed;
  Grouping grouping(plan.groups, plan.blocks, /*order_matters=*/false);
  for (const RowRef& row : coalesced.rows) grouping.AddRow(row);
  return plan;
}

}  // namespace batchsql
