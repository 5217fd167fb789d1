// The part of RowBlockBuilder that makes a block of the cells that passed.

#include <cstring>
#include <memory>
#include <vector>

#include "core/row_block_builder.h"

namespace batchsql {
namespace {

size_t Align8(size_t size) { return (size + 7) & ~size_t{7}; }

// Zeros from `end` to the next multiple of eight: every byte of a block is defined.
void PadTo8(char* buffer, size_t end) { std::memset(buffer + end, 0, Align8(end) - end); }

}  // namespace

void RowBlockBuilder::CopySources(uint32_t rows, bool all, char* to) const {
  for (uint32_t i = 0; i < rows; ++i) {
    uint32_t source = all ? i : kept_[i];
    if (original_ != nullptr) source = original_->source_row(source);
    std::memcpy(to + i * sizeof(source), &source, sizeof(source));
  }
}

RowBlock RowBlockBuilder::MakeBlock(bool all) const {
  std::vector<RowBlock::ColumnEntry> entries;
  std::vector<const Cells*> carried;
  // Ascending by schema index, whatever order the client used.
  for (int bound : bound_of_schema_) {
    if (bound >= 0) carried.push_back(&cells_[static_cast<size_t>(bound)]);
  }
  entries.reserve(carried.size());
  const uint32_t rows = all ? rows_ : static_cast<uint32_t>(kept_.size());
  size_t at = sizeof(RowBlock::BlockHeader) + carried.size() * sizeof(RowBlock::ColumnEntry);
  RowBlock::BlockHeader header{rows, static_cast<uint32_t>(carried.size()), 0, 0};
  const bool renumbered = !all || original_ != nullptr;
  if (renumbered) {
    header.source_offset = static_cast<uint32_t>(at);
    at = Align8(at + rows * sizeof(uint32_t));
  }
  for (const Cells* cells : carried) entries.push_back(LayOut(*cells, rows, all, &at));

  // Not value-initialised: every byte is written below.
  std::unique_ptr<char[]> buffer(new char[at]);
  std::memcpy(buffer.get(), &header, sizeof(header));
  if (!entries.empty()) {
    std::memcpy(buffer.get() + sizeof(header), entries.data(),
                entries.size() * sizeof(RowBlock::ColumnEntry));
  }
  if (renumbered) {
    CopySources(rows, all, buffer.get() + header.source_offset);
    PadTo8(buffer.get(), header.source_offset + rows * sizeof(uint32_t));
  }
  for (size_t i = 0; i < carried.size(); ++i)
    CopyColumn(*carried[i], entries[i], all, buffer.get());
  return {std::move(buffer), at};
}

RowBlock::ColumnEntry RowBlockBuilder::LayOut(const Cells& cells, uint32_t rows, bool all,
                                              size_t* at) const {
  RowBlock::ColumnEntry entry{static_cast<uint16_t>(cells.schema_index), 0, 0, 0, 0};
  if (!cells.states.empty()) {
    entry.states_offset = static_cast<uint32_t>(*at);
    *at = Align8(*at + rows);
  }
  entry.fixed_offset = static_cast<uint32_t>(*at);
  if (IsVariable(ColumnOf(cells).type)) {
    *at = Align8(*at + rows * sizeof(uint32_t));
    entry.heap_offset = static_cast<uint32_t>(*at);
    *at = Align8(*at + HeapBytes(cells, all));
  } else {
    *at += rows * sizeof(uint64_t);
  }
  return entry;
}

// Bytes of the column's strings in the rows that go into the block.
size_t RowBlockBuilder::HeapBytes(const Cells& cells, bool all) const {
  if (all) return cells.heap.size();
  size_t bytes = 0;
  for (uint32_t row : kept_) bytes += cells.ends[row] - (row == 0 ? 0 : cells.ends[row - 1]);
  return bytes;
}

void RowBlockBuilder::CopyColumn(const Cells& cells, const RowBlock::ColumnEntry& entry, bool all,
                                 char* buffer) const {
  const size_t rows = all ? rows_ : kept_.size();
  if (!all) {
    CopyKept(cells, entry, buffer);
  } else {
    const auto copy = [buffer](uint32_t offset, const auto& from) {
      if (!from.empty()) std::memcpy(buffer + offset, from.data(), from.size() * sizeof(from[0]));
    };
    copy(entry.states_offset, cells.states);
    copy(entry.fixed_offset, cells.fixed);
    copy(entry.fixed_offset, cells.ends);
    copy(entry.heap_offset, cells.heap);
  }
  if (!cells.states.empty()) PadTo8(buffer, entry.states_offset + rows);
  if (entry.heap_offset == 0) return;
  PadTo8(buffer, entry.fixed_offset + rows * sizeof(uint32_t));
  PadTo8(buffer, entry.heap_offset + HeapBytes(cells, all));
}

void RowBlockBuilder::CopyKept(const Cells& cells, const RowBlock::ColumnEntry& entry,
                               char* buffer) const {
  uint32_t heap_end = 0;
  for (size_t i = 0; i < kept_.size(); ++i) {
    const uint32_t row = kept_[i];
    if (!cells.states.empty()) {
      buffer[entry.states_offset + i] = static_cast<char>(cells.states[row]);
    }
    if (entry.heap_offset == 0) {
      std::memcpy(buffer + entry.fixed_offset + i * sizeof(uint64_t), &cells.fixed[row],
                  sizeof(uint64_t));
      continue;
    }
    const uint32_t begin = row == 0 ? 0 : cells.ends[row - 1];
    const uint32_t length = cells.ends[row] - begin;
    if (length > 0) {
      std::memcpy(buffer + entry.heap_offset + heap_end, cells.heap.data() + begin, length);
    }
    heap_end += length;
    std::memcpy(buffer + entry.fixed_offset + i * sizeof(uint32_t), &heap_end, sizeof(uint32_t));
  }
}

}  // namespace batchsql
