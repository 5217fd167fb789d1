#include "executors/postgresql/copy_encoder.h"

#include <bit>
#include <cstring>

#include "core/array_cell.h"
#include "executors/postgresql/big_endian.h"
#include "executors/postgresql/binary_numeric.h"
#include "executors/postgresql/native_types.h"

namespace batchsql::postgresql {
namespace {

constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";  // signature, flags, extension
constexpr size_t kHeaderBytes = 19;
static_assert(sizeof(kHeader) >= kHeaderBytes);
constexpr size_t kTrailerBytes = 2;
constexpr size_t kFixedCellBytes = 4 + 8;  // length, then at most eight bytes
constexpr uint32_t kNullLength = 0xFFFFFFFF;
constexpr char kJsonbVersion = 1;

WireForm FormOf(ColumnType type, uint32_t oid) {
  switch (type) {
    case ColumnType::kBool:
      return WireForm::kBool;
    case ColumnType::kInt64:
      if (oid == kInt2Oid) return WireForm::kInt2;
      return oid == kInt4Oid ? WireForm::kInt4 : WireForm::kInt8;
    case ColumnType::kUint64:
      return WireForm::kInt8;
    case ColumnType::kFloat32:
      return WireForm::kFloat4;
    case ColumnType::kFloat64:
      return WireForm::kFloat8;
    case ColumnType::kDecimal:
      return WireForm::kNumeric;
    case ColumnType::kDate:
      return WireForm::kDate;
    case ColumnType::kTime:
      return WireForm::kTime;
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return WireForm::kTimestamp;
    case ColumnType::kJson:
      return oid == kJsonbOid ? WireForm::kJsonb : WireForm::kBytes;
    case ColumnType::kArray:
      return WireForm::kArray;
    case ColumnType::kText:
    case ColumnType::kBytes:
    case ColumnType::kUuid:
    case ColumnType::kEnum:
      return WireForm::kBytes;
  }
  return WireForm::kBytes;
}

char* PutLength(char* out, size_t length) { return Put32(out, static_cast<uint32_t>(length)); }

char* PutInt64(char* out, uint64_t value) { return Put64(PutLength(out, 8), value); }

// Length and value of a type of fixed width; `value` is the cell's eight bytes.
inline char* PutFixed(char* out, WireForm form, uint64_t value) {
  switch (form) {
    case WireForm::kBool:
      out = PutLength(out, 1);
      *out = value != 0 ? 1 : 0;
      return out + 1;
    case WireForm::kInt2:
      return Put16(PutLength(out, 2), static_cast<uint16_t>(value));
    case WireForm::kInt4:
      return Put32(PutLength(out, 4), static_cast<uint32_t>(value));
    case WireForm::kFloat4: {
      const auto narrow = static_cast<float>(std::bit_cast<double>(value));
      return Put32(PutLength(out, 4), std::bit_cast<uint32_t>(narrow));
    }
    case WireForm::kDate:
      return Put32(PutLength(out, 4), static_cast<uint32_t>(value - kEpochDays));
    case WireForm::kTimestamp:
      return PutInt64(out, value - kEpochMicros);
    default:
      return PutInt64(out, value);
  }
}

// Length and value of a type of any length that is no array.
inline char* PutBytes(char* out, WireForm form, std::string_view value) {
  if (form == WireForm::kNumeric) {
    char* const end = EncodeNumeric(out + 4, value);
    PutLength(out, end - out - 4);
    return end;
  }
  const bool versioned = form == WireForm::kJsonb;
  out = PutLength(out, value.size() + (versioned ? 1 : 0));
  if (versioned) *out++ = kJsonbVersion;
  std::memcpy(out, value.data(), value.size());
  return out + value.size();
}

constexpr size_t kArrayHeaderBytes = 20;

// Dimensions, has-null flag, element type; length and lower bound of the only dimension.
char* PutArrayHeader(char* out, uint32_t oid, uint32_t count) {
  out = Put32(out, count == 0 ? 0 : 1);
  out = Put32(out, 0);
  out = Put32(out, oid);
  return count == 0 ? out : Put32(Put32(out, count), 1);
}

void SetHasNull(char* array, bool has_null) { Put32(array + 4, has_null ? 1 : 0); }

// An element takes at most this many times its bytes in the cell: a NULL is one byte there and four
// here.
constexpr size_t kArrayGrowth = 5;

char* PutElements(char* out, WireForm form, ArrayReader& reader, bool variable, bool* has_null) {
  while (reader.Next()) {
    if (reader.is_null()) {
      *has_null = true;
      out = Put32(out, kNullLength);
    } else if (variable) {
      out = PutBytes(out, form, reader.bytes());
    } else {
      out = PutFixed(out, form, reader.fixed());
    }
  }
  return out;
}

// Length, header and elements of a cell that is an array.
char* PutArray(char* out, WireForm form, ColumnType element, uint32_t oid, std::string_view cell) {
  ArrayReader reader(cell, element);
  char* const length = out;
  char* const array = out + 4;
  bool has_null = false;
  out = PutArrayHeader(array, oid, reader.count());
  out = PutElements(out, form, reader, IsVariable(element), &has_null);
  SetHasNull(array, has_null);
  PutLength(length, out - array);
  return out;
}

}  // namespace

WireForm WireFormOf(const Column& column) { return FormOf(column.type, column.native_id); }

void CopyEncoder::Resolve(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  encoders_.clear();
  for (const uint16_t index : columns) {
    const Column& column = schema.column(index);
    encoders_.push_back({WireFormOf(column), column.native_id,
                         FormOf(column.element, column.element_native_id), column.element,
                         column.element_native_id});
  }
  row_bytes_ = 2 + kFixedCellBytes * (1 + columns.size());
}

char* CopyEncoder::Grow(char* out, size_t bytes) {
  const size_t used = out - buffer_.get();
  size_t size = end_ - buffer_.get();
  while (size < used + bytes) size *= 2;
  std::unique_ptr<char[]> larger(new char[size]);
  std::memcpy(larger.get(), buffer_.get(), used);
  buffer_ = std::move(larger);
  end_ = buffer_.get() + size;
  return buffer_.get() + used;
}

inline char* CopyEncoder::Reserve(char* out, size_t bytes) {
  bytes += row_bytes_ + kTrailerBytes;
  return static_cast<size_t>(end_ - out) >= bytes ? out : Grow(out, bytes);
}

// These two are called for each cell, from two places; out of line, a row takes a tenth more
// instructions.
[[gnu::always_inline]] inline char* CopyEncoder::Variable(char* out, const Encoder& encoder,
                                                          std::string_view value) {
  switch (encoder.form) {
    case WireForm::kArray:
      out = Reserve(out, kArrayHeaderBytes + kArrayGrowth * value.size());
      return PutArray(out, encoder.element_form, encoder.element, encoder.element_oid, value);
    case WireForm::kNumeric:
      return PutBytes(Reserve(out, NumericBytesMax(value.size())), WireForm::kNumeric, value);
    case WireForm::kJsonb:
      return PutBytes(Reserve(out, value.size()), WireForm::kJsonb, value);
    default:
      return PutBytes(Reserve(out, value.size()), WireForm::kBytes, value);
  }
}

[[gnu::always_inline]] inline char* CopyEncoder::Cell(char* out, const Encoder& encoder,
                                                      const ColumnView& view, uint32_t row) {
  if (!view.all_values() && view.state(row) != CellState::kValue) return Put32(out, kNullLength);
  switch (encoder.form) {
    case WireForm::kBytes:
    case WireForm::kJsonb:
    case WireForm::kNumeric:
    case WireForm::kArray:
      return Variable(out, encoder, view.bytes(row));
    default:
      return PutFixed(out, encoder.form, view.u64(row));
  }
}

void CopyEncoder::StartBuffer() {
  if (buffer_ == nullptr || static_cast<size_t>(end_ - buffer_.get()) > kKeptBytes) {
    buffer_.reset(new char[2 * kPieceBytes]);
    end_ = buffer_.get() + 2 * kPieceBytes;
  }
  next_ = buffer_.get();
}

void CopyEncoder::Row(absl::Span<const ColumnView> views, uint32_t row, bool with_ordinal) {
  char* out = Reserve(next_, 0);
  out = Put16(out, static_cast<uint16_t>(views.size() + (with_ordinal ? 1 : 0)));
  if (with_ordinal) out = PutInt64(out, ++ordinal_);
  for (size_t i = 0; i < views.size(); ++i) out = Cell(out, encoders_[i], views[i], row);
  next_ = out;
}

bool CopyEncoder::Flush(Sink sink) {
  const std::string_view piece(buffer_.get(), next_ - buffer_.get());
  next_ = buffer_.get();
  return sink(piece);
}

bool CopyEncoder::Encode(const WritePlan& plan, absl::Span<const uint16_t> columns,
                         absl::Span<const RowRange> rows, bool with_ordinal, Sink sink) {
  Resolve(*plan.schema, columns);
  ordinal_ = 0;
  StartBuffer();
  std::memcpy(next_, kHeader, kHeaderBytes);
  next_ += kHeaderBytes;
  bool wanted = true;
  ForEachRow(plan, columns, rows, [&](absl::Span<const ColumnView> views, uint32_t row) {
    if (!wanted) return;
    Row(views, row, with_ordinal);
    if (static_cast<size_t>(next_ - buffer_.get()) >= kPieceBytes) wanted = Flush(sink);
  });
  if (!wanted) return false;
  next_ = Put16(Reserve(next_, 0), 0xFFFF);
  return Flush(sink);
}

void CopyEncoder::Array(const WritePlan& plan, uint16_t column, const Encoder& encoder,
                        absl::Span<const RowRange> rows) {
  const size_t begin = next_ - buffer_.get();
  bool has_null = false;
  next_ = PutArrayHeader(Reserve(next_, kArrayHeaderBytes), encoder.oid,
                         static_cast<uint32_t>(CountRows(rows)));
  ForEachRow(plan, {&column, 1}, rows, [&](absl::Span<const ColumnView> views, uint32_t row) {
    has_null |= views[0].state(row) != CellState::kValue;
    next_ = Cell(Reserve(next_, 0), encoder, views[0], row);
  });
  SetHasNull(buffer_.get() + begin, has_null);
}

std::vector<std::string_view> CopyEncoder::EncodeArrays(const WritePlan& plan,
                                                        absl::Span<const uint16_t> columns,
                                                        absl::Span<const RowRange> rows) {
  Resolve(*plan.schema, columns);
  StartBuffer();
  std::vector<size_t> lengths;
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t begin = next_ - buffer_.get();
    Array(plan, columns[i], encoders_[i], rows);
    lengths.push_back(next_ - buffer_.get() - begin);
  }
  std::vector<std::string_view> arrays;  // now that the buffer does not move any more
  const char* at = buffer_.get();
  for (const size_t length : lengths) {
    arrays.emplace_back(at, length);
    at += length;
  }
  return arrays;
}

}  // namespace batchsql::postgresql
