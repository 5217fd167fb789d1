#include "executors/postgresql/column_types.h"

#include <limits>

#include "core/civil_time.h"
#include "executors/postgresql/native_types.h"

namespace batchsql::postgresql {
namespace {

constexpr int32_t kModifierHeader = 4;  // VARHDRSZ, which varchar's and numeric's modifiers include

// Both ends as PostgreSQL's datetime.h and timestamp.h set them. A timestamp's upper end lies
// beyond what microseconds since 1970 can say in 64 bits.
constexpr int64_t kDateMin = -2'440'588;     // 4714-11-24 BC
constexpr int64_t kDateMax = 2'145'042'905;  // 5874897-12-31
constexpr int64_t kTimestampMin = kDateMin * kMicrosPerDay;

template <typename T>
void SetRange(Column* column) {
  column->min = std::numeric_limits<T>::min();
  column->max = std::numeric_limits<T>::max();
}

void SetCharacters(int32_t modifier, Column* column) {
  column->takes_nul = false;
  if (modifier >= kModifierHeader) column->chars_max = modifier - kModifierHeader;
}

void SetFraction(int32_t modifier, Column* column) {
  column->fraction_digits = modifier < 0 ? 6 : static_cast<uint32_t>(modifier);
}

// numeric(p, s): p in the upper half, s as eleven bits with a sign below it. A scale that is
// negative or above the precision (PostgreSQL 15 knows both) cannot be said in a Column.
bool SetDigits(int32_t modifier, Column* column) {
  column->takes_nan = true;
  if (modifier < kModifierHeader) return true;
  const int32_t packed = modifier - kModifierHeader;
  const int32_t precision = (packed >> 16) & 0xFFFF;
  const int32_t scale = ((packed & 0x7FF) ^ 1024) - 1024;
  if (scale < 0 || scale > precision) return false;
  column->precision = static_cast<uint32_t>(precision);
  column->scale = static_cast<uint32_t>(scale);
  return true;
}

// The type itself; false for one that is none of ours.
bool TypeOf(const NativeType& type, ColumnType* result) {
  switch (type.oid) {
    case kBoolOid:
      *result = ColumnType::kBool;
      return true;
    case kInt2Oid:
    case kInt4Oid:
    case kInt8Oid:
      *result = ColumnType::kInt64;
      return true;
    case kFloat4Oid:
      *result = ColumnType::kFloat32;
      return true;
    case kFloat8Oid:
      *result = ColumnType::kFloat64;
      return true;
    case kNumericOid:
      *result = ColumnType::kDecimal;
      return true;
    case kTextOid:
    case kVarcharOid:
    case kBpcharOid:
      *result = ColumnType::kText;
      return true;
    case kByteaOid:
      *result = ColumnType::kBytes;
      return true;
    case kDateOid:
      *result = ColumnType::kDate;
      return true;
    case kTimeOid:
      *result = ColumnType::kTime;
      return true;
    case kTimestampOid:
      *result = ColumnType::kTimestamp;
      return true;
    case kTimestampTzOid:
      *result = ColumnType::kTimestampTz;
      return true;
    case kUuidOid:
      *result = ColumnType::kUuid;
      return true;
    case kJsonOid:
    case kJsonbOid:
      *result = ColumnType::kJson;
      return true;
    default:
      break;
  }
  *result = type.is_enum ? ColumnType::kEnum : ColumnType::kText;
  return type.is_enum || type.name == "citext";  // an extension's type: its OID differs
}

bool SetLimits(const NativeType& type, ColumnType column_type, Column* column) {
  switch (column_type) {
    case ColumnType::kInt64:
      if (type.oid == kInt2Oid) SetRange<int16_t>(column);
      if (type.oid == kInt4Oid) SetRange<int32_t>(column);
      return true;
    case ColumnType::kDecimal:
      return SetDigits(type.modifier, column);
    case ColumnType::kText:
    case ColumnType::kJson:
      SetCharacters(type.modifier, column);
      return true;
    case ColumnType::kDate:
      column->min = kDateMin;
      column->max = kDateMax;
      return true;
    case ColumnType::kTime:
      column->min = 0;
      column->max = kMicrosPerDay;  // 24:00 is a time of its own
      SetFraction(type.modifier, column);
      return true;
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      column->min = kTimestampMin;
      SetFraction(type.modifier, column);
      return true;
    default:
      return true;
  }
}

bool KeyIsBytes(const NativeType& type, ColumnType column_type) {
  switch (column_type) {
    case ColumnType::kBool:
    case ColumnType::kInt64:
    case ColumnType::kDate:
    case ColumnType::kTime:
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
    case ColumnType::kUuid:
    case ColumnType::kBytes:
    case ColumnType::kEnum:
      return true;
    case ColumnType::kText:
      return (type.oid == kTextOid || type.oid == kVarcharOid) && type.deterministic_collation;
    default:
      return false;
  }
}

}  // namespace

bool DescribeType(const NativeType& type, bool as_element, Column* column) {
  ColumnType column_type = ColumnType::kText;
  if (!TypeOf(type, &column_type) || !SetLimits(type, column_type, column)) return false;
  column->type = as_element ? ColumnType::kArray : column_type;
  if (as_element) {
    column->element = column_type;
    column->element_native_id = type.oid;
  }
  column->key_is_bytes = !as_element && KeyIsBytes(type, column_type);
  return true;
}

}  // namespace batchsql::postgresql
