#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/table_schema.h"

namespace batchsql {

// The form of an array in a RowBlock (ColumnType::kArray), one-dimensional: uint32 count, then for
// each element one byte (CellState: kNull or kValue) and, for a value, eight bytes where the
// element type is of fixed width, else uint32 length and the bytes. Little-endian, unaligned.

void AppendArrayHeader(uint32_t count, std::vector<char>& out);
void AppendArrayNull(std::vector<char>& out);
void AppendArrayFixed(uint64_t value, std::vector<char>& out);
void AppendArrayBytes(std::string_view value, std::vector<char>& out);

// Reads an array cell that was built with the functions above.
class ArrayReader {
 public:
  ArrayReader(std::string_view cell, ColumnType element);
  uint32_t count() const { return count_; }

  // Moves to the next element; false after the last.
  bool Next();
  bool is_null() const { return is_null_; }
  uint64_t fixed() const { return fixed_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view rest_;
  bool variable_;
  uint32_t count_ = 0;
  uint32_t read_ = 0;
  bool is_null_ = false;
  uint64_t fixed_ = 0;
  std::string_view bytes_;
};

}  // namespace batchsql
