#include "core/cell_value.h"

#include <bit>

#include "core/array_cell.h"

namespace batchsql {
namespace {

Value FixedValue(ColumnType type, uint64_t bits) {
  const auto integer = static_cast<int64_t>(bits);
  switch (type) {
    case ColumnType::kBool:
      return Value::Bool(bits != 0);
    case ColumnType::kUint64:
      return Value::Uint(bits);
    case ColumnType::kFloat32:
    case ColumnType::kFloat64:
      return Value::Double(std::bit_cast<double>(bits));
    case ColumnType::kDate:
      return Value::Date(integer);
    case ColumnType::kTime:
      return Value::Time(integer);
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return Value::Timestamp(integer);
    default:
      return Value::Int(integer);
  }
}

Value VariableValue(ColumnType type, std::string_view bytes) {
  const bool binary = type == ColumnType::kBytes || type == ColumnType::kUuid;
  return binary ? Value::Bytes(bytes) : Value::Text(bytes);
}

}  // namespace

Value StoredValue(ColumnType type, ColumnType element, uint64_t fixed, std::string_view bytes,
                  std::vector<Value>* elements) {
  if (!IsVariable(type)) return FixedValue(type, fixed);
  if (type != ColumnType::kArray) return VariableValue(type, bytes);
  elements->clear();
  ArrayReader reader(bytes, element);
  while (reader.Next()) {
    elements->push_back(reader.is_null()      ? Value::Null()
                        : IsVariable(element) ? VariableValue(element, reader.bytes())
                                              : FixedValue(element, reader.fixed()));
  }
  return Value::List(*elements);
}

Value CellValue(const Column& column, const ColumnView& view, uint32_t row,
                std::vector<Value>* elements) {
  switch (view.state(row)) {
    case CellState::kAbsent:
      return {};
    case CellState::kNull:
      return Value::Null();
    case CellState::kValue:
      break;
  }
  const bool variable = IsVariable(column.type);
  return StoredValue(column.type, column.element, variable ? 0 : view.u64(row),
                     variable ? view.bytes(row) : std::string_view(), elements);
}

}  // namespace batchsql
