#include "core/coalesce.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "core/cell_value.h"
#include "core/row_block_builder.h"
#include "core/strings.h"

namespace batchsql {
namespace {

void AppendBigEndian(uint64_t value, std::string* out) {
  char bytes[sizeof(value)];
  for (size_t i = 0; i < sizeof(value); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(value) - 1 - i)));
  }
  out->append(bytes, sizeof(bytes));
}

// Keys of all rows, in a form whose byte order is numeric order for one fixed-width column and some
// total order otherwise.
class Keys {
 public:
  Keys(const TableSchema& schema, absl::Span<const RowBlock* const> blocks) : schema_(schema) {
    // A request whose rows were all refused has a block without columns.
    for (uint32_t block = 0; block < blocks.size(); ++block) {
      if (blocks[block]->rows() > 0) ReadBlock(*blocks[block], block);
    }
    if (whole_) strictly_ascending_ = CheckAscending();
  }

  size_t size() const { return rows_.size(); }
  RowRef row(size_t index) const { return rows_[index]; }
  absl::string_view key(size_t index) const {
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return absl::string_view(bytes_).substr(begin, ends_[index] - begin);
  }
  // Every row has a whole key; only then are keys and their order of use.
  bool whole() const { return whole_; }
  bool strictly_ascending() const { return strictly_ascending_; }

 private:
  void ReadBlock(const RowBlock& block, uint32_t index) {
    std::vector<std::pair<ColumnView, ColumnType>> columns;
    for (uint16_t column : schema_.conflict_key()) {
      ColumnView view;
      whole_ = whole_ && block.FindColumn(column, &view);
      columns.emplace_back(view, schema_.column(column).type);
    }
    for (uint32_t row = 0; whole_ && row < block.rows(); ++row) {
      AppendKey(columns, row);
      ends_.push_back(bytes_.size());
      rows_.push_back({index, row});
    }
  }

  void AppendKey(const std::vector<std::pair<ColumnView, ColumnType>>& columns, uint32_t row) {
    for (const auto& [view, type] : columns) {
      if (view.state(row) != CellState::kValue) {
        whole_ = false;
        return;
      }
      if (!IsVariable(type)) {
        const uint64_t sign = type == ColumnType::kUint64 ? 0 : uint64_t{1} << 63;
        AppendBigEndian(view.u64(row) ^ sign, &bytes_);
        continue;
      }
      const std::string_view cell = view.bytes(row);
      AppendBigEndian(cell.size(), &bytes_);
      bytes_.append(cell);
    }
  }

  bool CheckAscending() const {
    for (size_t i = 1; i < size(); ++i) {
      if (key(i - 1) >= key(i)) return false;
    }
    return true;
  }

  const TableSchema& schema_;
  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<RowRef> rows_;
  bool whole_ = true;
  bool strictly_ascending_ = false;
};

// Builds the rows that stand for several under kUpdate.
class Merger {
 public:
  Merger(const TableSchema& schema, absl::Span<const RowBlock* const> blocks)
      : schema_(schema), blocks_(blocks) {
    builder_.Start(schema);
  }

  // Row of the merged block that stands for `rows`, which are in LSN order. A column that a
  // conflict updates takes the last cell that is there; any other keeps what the first row would
  // insert.
  uint32_t Merge(absl::Span<const RowRef> rows) {
    for (size_t i = 0; i < schema_.columns().size(); ++i) {
      const auto column = static_cast<uint16_t>(i);
      const bool last = schema_.IsUpdateColumn(i);
      for (size_t j = 0; j < rows.size(); ++j) {
        const RowRef row = last ? rows[rows.size() - 1 - j] : rows[j];
        if (AppendCell(column, row) || !last) break;
      }
    }
    builder_.EndRow();
    return builder_.rows() - 1;
  }

  // Null when nothing was merged.
  std::unique_ptr<RowBlock> Finish() {
    if (builder_.rows() == 0) return nullptr;
    return std::make_unique<RowBlock>(std::move(*builder_.Finish().block));
  }

 private:
  // False when the row has no such cell.
  bool AppendCell(uint16_t column, RowRef row) {
    ColumnView view;
    if (!blocks_[row.block]->FindColumn(column, &view)) return false;
    const Value value = CellValue(schema_.column(column), view, row.row, &elements_);
    if (value.kind == Value::Kind::kAbsent) return false;
    builder_.Append(*builder_.BindColumn(schema_.column(column).name, UINT16_MAX), value);
    return true;
  }

  const TableSchema& schema_;
  absl::Span<const RowBlock* const> blocks_;
  RowBlockBuilder builder_;
  std::vector<Value> elements_;
};

using RowsByKey = absl::flat_hash_map<absl::string_view, std::vector<RowRef>>;

RowRef Choose(const TableSchema& schema, uint32_t merged_block, const std::vector<RowRef>& rows,
              Merger& merger) {
  switch (schema.conflict()) {
    case Conflict::kIgnore:
      return rows.front();
    case Conflict::kUpdate:
      return {merged_block, merger.Merge(rows)};
    default:
      return rows.back();
  }
}

}  // namespace

CoalescedRows Coalesce(const TableSchema& schema, absl::Span<const RowBlock* const> blocks) {
  CoalescedRows result;
  const Keys keys(schema, blocks);
  if (!keys.whole()) {
    result.unsortable = true;
    return result;
  }
  if (keys.strictly_ascending()) {
    for (size_t i = 0; i < keys.size(); ++i) result.rows.push_back(keys.row(i));
    return result;
  }

  RowsByKey by_key;
  std::vector<absl::string_view> order;
  for (size_t i = 0; i < keys.size(); ++i) {
    std::vector<RowRef>& rows = by_key[keys.key(i)];
    if (rows.empty()) order.push_back(keys.key(i));
    rows.push_back(keys.row(i));
  }
  std::sort(order.begin(), order.end());

  Merger merger(schema, blocks);
  for (absl::string_view key : order) {
    std::vector<RowRef>& rows = by_key[key];
    if (rows.size() == 1) {
      result.rows.push_back(rows.front());
      continue;
    }
    const RowRef chosen = Choose(schema, static_cast<uint32_t>(blocks.size()), rows, merger);
    result.rows.push_back(chosen);
    result.absorbed += rows.size() - 1;
    result.originals.emplace(chosen, std::move(rows));
  }
  result.merged = merger.Finish();
  return result;
}

}  // namespace batchsql
