#include "core/array_cell.h"

#include <cstring>

#include "core/row_block.h"

namespace batchsql {
namespace {

template <typename T>
void AppendRaw(T value, std::vector<char>& out) {
  const size_t at = out.size();
  out.resize(at + sizeof(value));
  std::memcpy(out.data() + at, &value, sizeof(value));
}

template <typename T>
T TakeRaw(std::string_view& rest) {
  T value;
  std::memcpy(&value, rest.data(), sizeof(value));
  rest.remove_prefix(sizeof(value));
  return value;
}

}  // namespace

void AppendArrayHeader(uint32_t count, std::vector<char>& out) { AppendRaw(count, out); }

void AppendArrayNull(std::vector<char>& out) { AppendRaw(CellState::kNull, out); }

void AppendArrayFixed(uint64_t value, std::vector<char>& out) {
  AppendRaw(CellState::kValue, out);
  AppendRaw(value, out);
}

void AppendArrayBytes(std::string_view value, std::vector<char>& out) {
  AppendRaw(CellState::kValue, out);
  AppendRaw(static_cast<uint32_t>(value.size()), out);
  out.insert(out.end(), value.begin(), value.end());
}

ArrayReader::ArrayReader(std::string_view cell, ColumnType element)
    : rest_(cell), variable_(IsVariable(element)), count_(TakeRaw<uint32_t>(rest_)) {}

bool ArrayReader::Next() {
  if (read_ == count_) return false;
  ++read_;
  is_null_ = TakeRaw<CellState>(rest_) == CellState::kNull;
  if (is_null_) return true;
  if (!variable_) {
    fixed_ = TakeRaw<uint64_t>(rest_);
    return true;
  }
  const auto length = TakeRaw<uint32_t>(rest_);
  bytes_ = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return true;
}

}  // namespace batchsql
