#include "core/row_block.h"

namespace batchsql {

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
