#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace batchsql {

class TableSchema;

// State of a cell; the numbers are those of batchsql.v1.Column.presence.
enum class CellState : uint8_t { kAbsent = 0, kNull = 1, kValue = 2 };

// One column of a RowBlock: pointers into the block, valid as long as it lives. Cheap to copy.
class ColumnView {
 public:
  // Index in the TableSchema that the block was built against.
  uint16_t schema_index() const { return schema_index_; }
  // Every row has a value: state() need not be asked.
  bool all_values() const { return states_ == nullptr; }

  CellState state(size_t row) const {
    return states_ == nullptr ? CellState::kValue : static_cast<CellState>(states_[row]);
  }

  // Fixed-width types. Meaningless where the state is not kValue.
  uint64_t u64(size_t row) const {
    uint64_t value;
    std::memcpy(&value, fixed_ + row * sizeof(value), sizeof(value));
    return value;
  }
  int64_t i64(size_t row) const { return static_cast<int64_t>(u64(row)); }
  double f64(size_t row) const {
    double value;
    std::memcpy(&value, fixed_ + row * sizeof(value), sizeof(value));
    return value;
  }

  // Types of any length. Empty where the state is not kValue.
  std::string_view bytes(size_t row) const {
    const uint32_t begin = row == 0 ? 0 : End(row - 1);
    return {heap_ + begin, End(row) - begin};
  }

 private:
  friend class RowBlock;
  uint32_t End(size_t row) const {
    uint32_t value;
    std::memcpy(&value, fixed_ + row * sizeof(value), sizeof(value));
    return value;
  }

  uint16_t schema_index_ = 0;
  const uint8_t* states_ = nullptr;
  const char* fixed_ = nullptr;  // 8-byte values, or 4-byte ends of `heap_`'s strings
  const char* heap_ = nullptr;
};

// The rows of one request for one table, as typed columns in one contiguous buffer; immutable. The
// buffer holds no pointer and is little-endian, so its bytes in memory are its bytes in a journal
// (docs/architecture.md, "RowBlock"). Move-only; any thread may read it.
class RowBlock {
 public:
  RowBlock() = default;
  RowBlock(RowBlock&&) = default;
  RowBlock& operator=(RowBlock&&) = default;

  // A block out of bytes that buffer() once gave. DATA_LOSS: they are no block for the table, or
  // point outside themselves; values are not looked at.
  static absl::StatusOr<RowBlock> FromBuffer(std::unique_ptr<char[]> buffer, size_t size,
                                             const TableSchema& schema);

  uint32_t rows() const { return Header().rows; }
  uint32_t column_count() const { return Header().columns; }
  ColumnView column(size_t index) const;
  // The block's column for a column of the schema; false when the block does not carry it.
  bool FindColumn(uint16_t schema_index, ColumnView* view) const;
  // Index that the row had in its request.
  uint32_t source_row(uint32_t row) const;

  absl::Span<const char> buffer() const { return {buffer_.get(), size_}; }
  size_t size_bytes() const { return size_; }

 private:
  friend class RowBlockBuilder;

  // On-disk layout: header, columns × ColumnEntry, then the arrays they point at, each 8-aligned.
  struct BlockHeader {
    uint32_t rows;
    uint32_t columns;
    uint32_t source_offset;  // uint32 a row; 0: the identity
    uint32_t reserved;
  };
  struct ColumnEntry {
    uint16_t schema_index;
    uint16_t reserved;
    uint32_t states_offset;  // uint8 a row; 0: every cell is a value
    uint32_t fixed_offset;   // uint64 a row, or uint32 ends
    uint32_t heap_offset;    // 0: fixed-width
  };
  static_assert(sizeof(BlockHeader) == 16 && sizeof(ColumnEntry) == 16);

  RowBlock(std::unique_ptr<char[]> buffer, size_t size) : buffer_(std::move(buffer)), size_(size) {}
  BlockHeader Header() const;
  ColumnEntry Entry(size_t index) const;
  bool IsSound(const TableSchema& schema) const;
  bool IsSoundColumn(const ColumnEntry& entry, const TableSchema& schema) const;
  bool Holds(uint64_t offset, uint64_t bytes) const {
    return offset <= size_ && bytes <= size_ - offset;
  }

  std::unique_ptr<char[]> buffer_;
  size_t size_ = 0;
};

}  // namespace batchsql
