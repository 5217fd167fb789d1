#include "core/row_block.h"

#include <algorithm>
#include <utility>

#include "core/table_schema.h"

namespace batchsql {

absl::StatusOr<RowBlock> RowBlock::FromBuffer(std::unique_ptr<char[]> buffer, size_t size,
                                              const TableSchema& schema) {
  RowBlock block(std::move(buffer), size);
  if (!block.IsSound(schema)) return absl::DataLossError("the bytes of the rows are malformed");
  return block;
}

bool RowBlock::IsSound(const TableSchema& schema) const {
  if (size_ < sizeof(BlockHeader)) return false;
  const BlockHeader header = Header();
  if (header.columns > schema.columns().size()) return false;
  if (!Holds(sizeof(BlockHeader), uint64_t{header.columns} * sizeof(ColumnEntry))) return false;
  if (header.source_offset != 0 &&
      !Holds(header.source_offset, uint64_t{header.rows} * sizeof(uint32_t))) {
    return false;
  }
  int last = -1;
  for (uint32_t i = 0; i < header.columns; ++i) {
    const ColumnEntry entry = Entry(i);
    if (entry.schema_index <= last || !IsSoundColumn(entry, schema)) return false;
    last = entry.schema_index;
  }
  return true;
}

bool RowBlock::IsSoundColumn(const ColumnEntry& entry, const TableSchema& schema) const {
  const uint64_t rows = Header().rows;
  if (entry.schema_index >= schema.columns().size()) return false;
  if (entry.states_offset != 0) {
    if (!Holds(entry.states_offset, rows)) return false;
    const auto* states = reinterpret_cast<const uint8_t*>(buffer_.get() + entry.states_offset);
    if (std::any_of(states, states + rows, [](uint8_t state) {
          return state > static_cast<uint8_t>(CellState::kValue);
        })) {
      return false;
    }
  }
  const bool variable = IsVariable(schema.column(entry.schema_index).type);
  if (variable != (entry.heap_offset != 0)) return false;
  if (!variable) return Holds(entry.fixed_offset, rows * sizeof(uint64_t));
  if (!Holds(entry.fixed_offset, rows * sizeof(uint32_t)) || !Holds(entry.heap_offset, 0)) {
    return false;
  }
  uint32_t last = 0;
  bool ascending = true;
  for (uint64_t row = 0; row < rows; ++row) {
    uint32_t end;
    std::memcpy(&end, buffer_.get() + entry.fixed_offset + row * sizeof(end), sizeof(end));
    ascending &= end >= last;
    last = end;
  }
  return ascending && Holds(entry.heap_offset, last);
}

RowBlock::BlockHeader RowBlock::Header() const {
  BlockHeader header{};
  if (buffer_ != nullptr) std::memcpy(&header, buffer_.get(), sizeof(header));
  return header;
}

RowBlock::ColumnEntry RowBlock::Entry(size_t index) const {
  ColumnEntry entry;
  std::memcpy(&entry, buffer_.get() + sizeof(BlockHeader) + index * sizeof(entry), sizeof(entry));
  return entry;
}

ColumnView RowBlock::column(size_t index) const {
  const ColumnEntry entry = Entry(index);
  ColumnView view;
  view.schema_index_ = entry.schema_index;
  view.fixed_ = buffer_.get() + entry.fixed_offset;
  if (entry.states_offset != 0) {
    view.states_ = reinterpret_cast<const uint8_t*>(buffer_.get() + entry.states_offset);
  }
  if (entry.heap_offset != 0) view.heap_ = buffer_.get() + entry.heap_offset;
  return view;
}

bool RowBlock::FindColumn(uint16_t schema_index, ColumnView* view) const {
  const uint32_t count = column_count();
  for (uint32_t i = 0; i < count; ++i) {
    if (Entry(i).schema_index == schema_index) {
      *view = column(i);
      return true;
    }
  }
  return false;
}

uint32_t RowBlock::source_row(uint32_t row) const {
  const uint32_t offset = Header().source_offset;
  if (offset == 0) return row;
  uint32_t source;
  std::memcpy(&source, buffer_.get() + offset + row * sizeof(source), sizeof(source));
  return source;
}

}  // namespace batchsql
