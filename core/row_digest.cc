#include "core/row_digest.h"

#define XXH_INLINE_ALL  // no library to link, and short inputs inline
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "core/bytes.h"
#include "core/cell_check.h"

namespace batchsql {
namespace {

// Of a cell that is no value of its column.
constexpr uint8_t kForeign = 0xff;

bool IsDigested(const Column& column) {
  return !column.has_default && !column.generated && column.type != ColumnType::kJson &&
         column.type != ColumnType::kArray;
}

// Types that add or drop spaces at the end: char(n), also as PostgreSQL writes it.
bool PadsText(const Column& column) {
  return column.type == ColumnType::kText &&
         (column.native_type.starts_with("char(") || column.native_type.starts_with("character(") ||
          column.native_type.starts_with("bpchar"));
}

std::string_view WithoutPadding(const Column& column, std::string_view text) {
  if (!PadsText(column)) return text;
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

uint64_t Canonical(ColumnType type, uint64_t fixed) {
  const bool real = type == ColumnType::kFloat32 || type == ColumnType::kFloat64;
  if (!real || !std::isnan(std::bit_cast<double>(fixed))) return fixed;
  return std::bit_cast<uint64_t>(std::numeric_limits<double>::quiet_NaN());
}

bool ReadsAsNumber(ColumnType type) {
  return type == ColumnType::kDate || type == ColumnType::kTime || type == ColumnType::kTimestamp ||
         type == ColumnType::kTimestampTz;
}

// Days or microseconds as a whole number, as some databases are asked for them.
std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Value ReadValue(const Column& column, std::string_view text) {
  switch (column.type) {
    case ColumnType::kBool:
      if (text == "1" || text == "0") return Value::Bool(text == "1");
      return Value::Text(text);
    default:
      break;
  }
  const std::optional<int64_t> number =
      ReadsAsNumber(column.type) ? WholeNumber(text) : std::nullopt;
  if (!number.has_value()) return Value::Text(text);
  if (column.type == ColumnType::kDate) return Value::Date(*number);
  if (column.type == ColumnType::kTime) return Value::Time(*number);
  return Value::Timestamp(*number);
}

}  // namespace

RowDigest& RowDigest::operator+=(const RowDigest& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

RowDigest& RowDigest::operator-=(const RowDigest& other) {
  high -= other.high + (low < other.low ? 1 : 0);
  low -= other.low;
  return *this;
}

RowDigest::Bytes RowDigest::ToBytes() const {
  Bytes bytes{};
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<uint8_t>(low >> (56 - 8 * i));
  }
  return bytes;
}

RowDigest RowDigest::FromBytes(const Bytes& bytes) {
  RowDigest digest;
  for (size_t i = 0; i < 8; ++i) {
    digest.high = digest.high << 8U | bytes[i];
    digest.low = digest.low << 8U | bytes[8 + i];
  }
  return digest;
}

std::vector<uint16_t> DigestColumns(const TableSchema& schema) {
  std::vector<uint16_t> columns;
  for (size_t i = 0; i < schema.columns().size(); ++i) {
    if (IsDigested(schema.column(i))) columns.push_back(static_cast<uint16_t>(i));
  }
  std::sort(columns.begin(), columns.end(),
            [&](uint16_t a, uint16_t b) { return schema.column(a).name < schema.column(b).name; });
  return columns;
}

RowDigester::RowDigester(const TableSchema& schema)
    : schema_(schema), columns_(DigestColumns(schema)) {}

void RowDigester::Add(const Column& column, uint64_t fixed, std::string_view bytes) {
  ByteWriter out(&bytes_);
  out.String(column.name);
  out.U8(static_cast<uint8_t>(column.type));
  if (IsVariable(column.type)) {
    out.String(WithoutPadding(column, bytes));
  } else {
    out.U64(Canonical(column.type, fixed));
  }
}

RowDigest RowDigester::Take() {
  const XXH128_hash_t hash = XXH3_128bits(bytes_.data(), bytes_.size());
  bytes_.clear();
  return {hash.high64, hash.low64};
}

RowDigest RowDigester::OfRow(const RowBlock& block, uint32_t row) {
  for (const uint16_t index : columns_) {
    ColumnView view;
    if (!block.FindColumn(index, &view) || view.state(row) != CellState::kValue) continue;
    const Column& column = schema_.column(index);
    const bool variable = IsVariable(column.type);
    Add(column, variable ? 0 : view.u64(row), variable ? view.bytes(row) : std::string_view());
  }
  return Take();
}

RowDigest RowDigester::OfBlock(const RowBlock& block) {
  RowDigest digest;
  for (uint32_t row = 0; row < block.rows(); ++row) digest += OfRow(block, row);
  return digest;
}

RowDigest RowDigester::OfTexts(absl::Span<const std::string* const> cells) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (cells[i] == nullptr) continue;
    const Column& column = schema_.column(columns_[i]);
    const std::string_view text = WithoutPadding(column, *cells[i]);
    const CheckedCell cell = CheckCell(column, ReadValue(column, text), &scratch_);
    if (cell.reason == RejectReason::kNone) {
      Add(column, cell.fixed, cell.bytes);
    } else {
      ByteWriter out(&bytes_);
      out.String(column.name);
      out.U8(kForeign);
      out.String(*cells[i]);
    }
  }
  return Take();
}

}  // namespace batchsql
