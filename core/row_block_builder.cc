#include "core/row_block_builder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/cell_check.h"
#include "core/limit_error.h"
#include "core/names.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

// What a cell takes in a block beside its bytes, at most: a number or an end, and its state.
constexpr size_t kCellBytesMax = sizeof(uint64_t) + 1;
// Scratch of one column above this is given back after the request that needed it.
constexpr size_t kScratchBytesMax = size_t{16} << 20;
// Of a column's type, in what a refused row is told: an enum's names all its values.
constexpr size_t kTypeBytesMax = 64;

template <typename T>
T LoadAt(const char* base, size_t index) {
  T value;
  std::memcpy(&value, base + index * sizeof(T), sizeof(T));
  return value;
}

Value ValueAt(const RowBlockBuilder::ColumnData& data, uint32_t row) {
  using Kind = Value::Kind;
  switch (data.kind) {
    case Kind::kBool:
      return Value::Bool(data.fixed[row] != 0);
    case Kind::kInt:
      return Value::Int(LoadAt<int64_t>(data.fixed, row));
    case Kind::kTimestamp:
      return Value::Timestamp(LoadAt<int64_t>(data.fixed, row));
    case Kind::kDate:
      return Value::Date(LoadAt<int64_t>(data.fixed, row));
    case Kind::kTime:
      return Value::Time(LoadAt<int64_t>(data.fixed, row));
    case Kind::kUint:
      return Value::Uint(LoadAt<uint64_t>(data.fixed, row));
    case Kind::kDouble:
      return Value::Double(LoadAt<double>(data.fixed, row));
    default:
      break;
  }
  const uint32_t begin = row == 0 ? 0 : LoadAt<uint32_t>(data.ends, row - 1);
  const std::string_view text = data.heap.substr(begin, LoadAt<uint32_t>(data.ends, row) - begin);
  return data.kind == Kind::kText ? Value::Text(text) : Value::Bytes(text);
}

}  // namespace

void RowBlockBuilder::Cells::Clear() {
  schema_index = -1;
  name.clear();
  fixed.clear();
  ends.clear();
  if (heap.capacity() > kScratchBytesMax) heap = {};
  heap.clear();
  states.clear();
  rows = 0;
}

size_t RowBlockBuilder::Cells::size_bytes() const {
  return fixed.size() * sizeof(uint64_t) + ends.size() * sizeof(uint32_t) + heap.size() +
         states.size();
}

void RowBlockBuilder::Cells::PushState(CellState state) {
  if (state != CellState::kValue || !states.empty()) {
    if (states.empty()) states.assign(rows, static_cast<uint8_t>(CellState::kValue));
    states.push_back(static_cast<uint8_t>(state));
  }
  ++rows;
}

void RowBlockBuilder::Cells::PushEmpty(bool variable, CellState state) {
  if (variable) {
    ends.push_back(static_cast<uint32_t>(heap.size()));
  } else {
    fixed.push_back(0);
  }
  PushState(state);
}

void RowBlockBuilder::Start(const TableSchema& schema) {
  schema_ = &schema;
  original_ = nullptr;
  for (uint32_t i = 0; i < bound_; ++i) cells_[i].Clear();
  bound_ = 0;
  hint_ = 0;
  rows_ = 0;
  cells_of_row_ = 0;
  bytes_bound_ = 0;
  bound_of_schema_.assign(schema.columns().size(), -1);
  required_.clear();
  for (size_t i = 0; i < schema.columns().size(); ++i) {
    const Column& column = schema.column(i);
    if (!column.nullable && !column.has_default && !column.generated) {
      required_.push_back(static_cast<uint16_t>(i));
    }
  }
  required_unbound_ = static_cast<uint32_t>(required_.size());
  rejected_.clear();
  row_refused_.clear();
}

void RowBlockBuilder::StartFrom(const TableSchema& schema, const RowBlock& original) {
  Start(schema);
  original_ = &original;
}

absl::StatusOr<uint32_t> RowBlockBuilder::BindColumn(std::string_view name, uint32_t columns_max) {
  // Rows name their columns in the same order most of the time.
  if (hint_ < bound_ && cells_[hint_].name == name) return hint_++;
  for (uint32_t i = 0; i < bound_; ++i) {
    if (cells_[i].name == name) {
      hint_ = i + 1;
      return i;
    }
  }
  if (bound_ == columns_max) {
    return LimitPassed(
        absl::StrCat("the request names more than limits.columns_max = ", columns_max, " columns"));
  }
  const int schema_index = schema_->FindColumn(name);
  // Each row that it refuses will tell its name.
  if (schema_index < 0 && name.size() > kColumnNameBytesMax) return ColumnNameTooLong();
  if (bound_ == cells_.size()) cells_.emplace_back();
  Cells& cells = cells_[bound_];
  cells.name = name;
  cells.schema_index = schema_index;
  if (cells.schema_index >= 0) {
    bound_of_schema_[static_cast<size_t>(cells.schema_index)] = static_cast<int>(bound_);
    if (std::find(required_.begin(), required_.end(), cells.schema_index) != required_.end()) {
      --required_unbound_;
    }
    bytes_bound_ += rows_ * kCellBytesMax;
    for (uint32_t row = 0; row < rows_; ++row) {
      cells.PushEmpty(IsVariable(ColumnOf(cells).type), CellState::kAbsent);
    }
  }
  hint_ = bound_ + 1;
  return bound_++;
}

const Column& RowBlockBuilder::ColumnOf(const Cells& cells) const {
  return schema_->column(static_cast<size_t>(cells.schema_index));
}

void RowBlockBuilder::Append(uint32_t column, const Value& value) {
  ++cells_of_row_;
  bytes_bound_ += kCellBytesMax;
  AppendChecked(cells_[column], value);
}

void RowBlockBuilder::AppendChecked(Cells& cells, const Value& value) {
  const bool unknown = cells.schema_index < 0;
  if (unknown || ColumnOf(cells).generated) {
    if (value.kind != Value::Kind::kAbsent) {
      Reject(unknown ? rows_ : cells.rows, cells, RejectReason::kUnknownColumn, value.kind);
    }
    if (!unknown) cells.PushEmpty(IsVariable(ColumnOf(cells).type), CellState::kAbsent);
    return;
  }
  const RejectReason reason = AppendCell(cells, value);
  if (reason == RejectReason::kNone) return;
  Reject(cells.rows, cells, reason, value.kind);
  cells.PushEmpty(IsVariable(ColumnOf(cells).type), CellState::kNull);
}

// Appends the cell, or appends nothing and says why.
RejectReason RowBlockBuilder::AppendCell(Cells& cells, const Value& value) {
  const Column& column = ColumnOf(cells);
  const bool variable = IsVariable(column.type);
  if (value.kind == Value::Kind::kAbsent) {
    if (!column.nullable && !column.has_default) return RejectReason::kMissing;
    cells.PushEmpty(variable, CellState::kAbsent);
    return RejectReason::kNone;
  }
  if (value.kind == Value::Kind::kNull) {
    if (!column.nullable) return RejectReason::kNull;
    cells.PushEmpty(variable, CellState::kNull);
    return RejectReason::kNone;
  }
  const CheckedCell checked = CheckCell(column, value, &scratch_);
  if (checked.reason != RejectReason::kNone) return checked.reason;
  if (variable) {
    if (cells.heap.size() + checked.bytes.size() > block_bytes_max_) return RejectReason::kTooLong;
    cells.heap.insert(cells.heap.end(), checked.bytes.begin(), checked.bytes.end());
    bytes_bound_ += checked.bytes.size();
    cells.ends.push_back(static_cast<uint32_t>(cells.heap.size()));
  } else {
    cells.fixed.push_back(checked.fixed);
  }
  cells.PushState(CellState::kValue);
  return RejectReason::kNone;
}

// A row with a cell in every column needs no look at the columns, unless the block may be too
// large.
void RowBlockBuilder::EndRow() {
  const bool complete = cells_of_row_ == bound_ && required_unbound_ == 0;
  if (!complete || bytes_bound_ > block_bytes_max_) return EndRows(1);
  ++rows_;
  hint_ = 0;
  cells_of_row_ = 0;
}

void RowBlockBuilder::EndRows(uint32_t rows) {
  const uint32_t end = rows_ + rows;
  CheckMissing(rows_, end);
  size_t bytes = 0;
  for (uint32_t i = 0; i < bound_; ++i) {
    Cells& cells = cells_[i];
    if (cells.schema_index < 0) continue;
    const bool variable = IsVariable(ColumnOf(cells).type);
    while (cells.rows < end) cells.PushEmpty(variable, CellState::kAbsent);
    bytes += cells.size_bytes();
  }
  bytes_bound_ = bytes + size_t{bound_} * end;  // had each column a cell that is no value
  for (uint32_t row = rows_; bytes > block_bytes_max_ && row < end; ++row) {
    RejectNamed(row, "", RejectReason::kTooLong,
                "the request's rows are larger than a block may be");
  }
  rows_ = end;
  hint_ = 0;
  cells_of_row_ = 0;
}

// Rows that end without a cell in a column that needs one.
void RowBlockBuilder::CheckMissing(uint32_t first_row, uint32_t end_row) {
  for (uint16_t schema_index : required_) {
    const int bound = bound_of_schema_[schema_index];
    const uint32_t have = bound < 0 ? first_row : cells_[static_cast<size_t>(bound)].rows;
    for (uint32_t row = std::max(have, first_row); row < end_row; ++row) {
      RejectNamed(row, schema_->column(schema_index).name, RejectReason::kMissing,
                  "no value, and the column has no default");
    }
  }
}

void RowBlockBuilder::Reject(uint32_t row, const Cells& cells, RejectReason reason,
                             Value::Kind kind) {
  if (cells.schema_index < 0) {
    RejectNamed(row, cells.name, reason, "the table has no such column");
    return;
  }
  const Column& column = ColumnOf(cells);
  if (reason == RejectReason::kUnknownColumn) {
    RejectNamed(row, cells.name, reason, "the database generates this column");
    return;
  }
  const std::string_view type =
      column.native_type.empty() ? ColumnTypeName(column.type) : column.native_type;
  RejectNamed(
      row, cells.name, reason,
      absl::StrCat("column takes ", AsAbsl(ClipUtf8(type, kTypeBytesMax)),
                   type.size() > kTypeBytesMax ? "…" : "", ", got ", AsAbsl(ValueKindName(kind))));
}

// The first fault of a row is the one that is told.
void RowBlockBuilder::RejectNamed(uint32_t row, std::string_view field, RejectReason reason,
                                  std::string detail) {
  if (row_refused_.size() <= row) row_refused_.resize(row + 1, 0);
  if (row_refused_[row] != 0) return;
  row_refused_[row] = 1;
  const std::string_view clipped = ClipUtf8(field, kColumnNameBytesMax);
  rejected_.push_back({row, std::string(clipped), reason, std::move(detail)});
}

void RowBlockBuilder::AppendColumn(uint32_t column, const ColumnData& data, uint32_t rows) {
  Cells& cells = cells_[column];
  if (data.states.empty() && cells.schema_index >= 0 && !ColumnOf(cells).generated) {
    if (AppendIntsFast(cells, data, rows) || AppendTextsFast(cells, data, rows)) return;
  }
  for (uint32_t row = 0; row < rows; ++row) {
    const auto state =
        data.states.empty() ? CellState::kValue : static_cast<CellState>(data.states[row]);
    const Value value = state == CellState::kValue  ? ValueAt(data, row)
                        : state == CellState::kNull ? Value::Null()
                                                    : Value();
    AppendToColumn(column, value, row);
  }
}

void RowBlockBuilder::AppendToColumn(uint32_t column, const Value& value, uint32_t row) {
  Cells& cells = cells_[column];
  if (cells.schema_index >= 0) {
    AppendChecked(cells, value);
  } else if (value.kind != Value::Kind::kAbsent) {
    Reject(rows_ + row, cells, RejectReason::kUnknownColumn, value.kind);
  }
}

const Column* RowBlockBuilder::SchemaColumn(uint32_t column) const {
  const Cells& cells = cells_[column];
  return cells.schema_index < 0 ? nullptr : &ColumnOf(cells);
}

bool RowBlockBuilder::has_unknown_column() const {
  return std::any_of(cells_.begin(), cells_.begin() + bound_,
                     [](const Cells& cells) { return cells.schema_index < 0; });
}

// Integers that need no conversion and are all in range: one pass and one copy.
bool RowBlockBuilder::AppendIntsFast(Cells& cells, const ColumnData& data, uint32_t rows) {
  const Column& column = ColumnOf(cells);
  const bool ints = data.kind == Value::Kind::kInt && column.type == ColumnType::kInt64;
  const bool instants =
      data.kind == Value::Kind::kTimestamp &&
      (column.type == ColumnType::kTimestampTz || column.type == ColumnType::kTimestamp) &&
      column.fraction_digits >= 6;
  if (!ints && !instants) return false;
  bool in_range = true;
  for (uint32_t row = 0; row < rows; ++row) {
    const auto value = LoadAt<int64_t>(data.fixed, row);
    in_range &= value >= column.min && value <= column.max;
  }
  if (!in_range) return false;
  const size_t at = cells.fixed.size();
  cells.fixed.resize(at + rows);
  std::memcpy(cells.fixed.data() + at, data.fixed, size_t{rows} * sizeof(uint64_t));
  if (!cells.states.empty()) {
    cells.states.resize(cells.states.size() + rows, static_cast<uint8_t>(CellState::kValue));
  }
  cells.rows += rows;
  return true;
}

// Text that is valid as a whole and cannot be too long in any row.
bool RowBlockBuilder::AppendTextsFast(Cells& cells, const ColumnData& data, uint32_t rows) {
  const Column& column = ColumnOf(cells);
  if (data.kind != Value::Kind::kText || column.type != ColumnType::kText || rows == 0) {
    return false;
  }
  if (!column.keeps_trailing_spaces) return false;
  // A boundary inside a character would make two invalid cells out of valid text.
  uint32_t begin = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    const auto end = LoadAt<uint32_t>(data.ends, row);
    const uint32_t length = end - begin;
    if (length > column.chars_max || length > column.bytes_max) return false;
    if (end < data.heap.size() && (static_cast<uint8_t>(data.heap[end]) & 0xC0U) == 0x80U) {
      return false;
    }
    begin = end;
  }
  const std::string_view heap = data.heap.substr(0, begin);
  const Utf8Facts facts = InspectUtf8(heap);
  if (!facts.valid || (facts.has_nul && !column.takes_nul)) return false;
  const auto base = static_cast<uint32_t>(cells.heap.size());
  cells.heap.insert(cells.heap.end(), heap.begin(), heap.end());
  for (uint32_t row = 0; row < rows; ++row) {
    cells.ends.push_back(base + LoadAt<uint32_t>(data.ends, row));
  }
  if (!cells.states.empty()) {
    cells.states.resize(cells.states.size() + rows, static_cast<uint8_t>(CellState::kValue));
  }
  cells.rows += rows;
  return true;
}

BuiltRows RowBlockBuilder::Finish() {
  BuiltRows built;
  std::sort(rejected_.begin(), rejected_.end(),
            [](const RowRejection& a, const RowRejection& b) { return a.row < b.row; });
  built.rejected = std::move(rejected_);
  rejected_.clear();
  const bool all = built.rejected.empty();
  kept_.clear();
  if (!all) {
    row_refused_.resize(rows_, 0);
    for (uint32_t row = 0; row < rows_; ++row) {
      if (row_refused_[row] == 0) kept_.push_back(row);
    }
  }
  if (rows_ > 0 && (all || !kept_.empty())) built.block = MakeBlock(all);
  if (original_ != nullptr) {
    for (RowRejection& rejection : built.rejected) {
      rejection.row = original_->source_row(rejection.row);
    }
  }
  return built;
}

}  // namespace batchsql
