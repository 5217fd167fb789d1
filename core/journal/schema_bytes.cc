#include "core/journal/schema_bytes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace batchsql {
namespace {

void AppendStrings(const std::vector<std::string>& strings, ByteWriter& out) {
  out.U32(static_cast<uint32_t>(strings.size()));
  for (const std::string& string : strings) out.String(string);
}

std::vector<std::string> ReadStrings(ByteReader& in) {
  std::vector<std::string> strings;
  const uint32_t count = in.U32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) strings.push_back(in.String());
  return strings;
}

void AppendKey(const std::vector<uint16_t>& key, ByteWriter& out) {
  out.U32(static_cast<uint32_t>(key.size()));
  for (const uint16_t column : key) out.U32(column);
}

// Nothing where a column is beyond the table's.
bool ReadKey(ByteReader& in, size_t columns, std::vector<uint16_t>* key) {
  const uint32_t count = in.U32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    const uint32_t column = in.U32();
    if (column >= columns) return false;
    key->push_back(static_cast<uint16_t>(column));
  }
  return in.ok();
}

constexpr uint32_t Bit(bool value, int bit) { return value ? 1U << bit : 0U; }

uint32_t FlagsOf(const Column& column) {
  return Bit(column.nullable, 0) | Bit(column.has_default, 1) | Bit(column.generated, 2) |
         Bit(column.keeps_trailing_spaces, 3) | Bit(column.takes_nan, 4) |
         Bit(column.takes_infinity, 5) | Bit(column.takes_negative_zero, 6) |
         Bit(column.takes_nul, 7) | Bit(column.key_is_bytes, 8);
}

void SetFlags(uint32_t flags, Column* column) {
  const auto bit = [flags](int index) { return (flags >> index & 1U) != 0; };
  column->nullable = bit(0);
  column->has_default = bit(1);
  column->generated = bit(2);
  column->keeps_trailing_spaces = bit(3);
  column->takes_nan = bit(4);
  column->takes_infinity = bit(5);
  column->takes_negative_zero = bit(6);
  column->takes_nul = bit(7);
  column->key_is_bytes = bit(8);
}

void AppendColumn(const Column& column, ByteWriter& out) {
  out.String(column.name);
  out.U8(static_cast<uint8_t>(column.type));
  out.U8(static_cast<uint8_t>(column.element));
  out.U32(FlagsOf(column));
  out.U64(static_cast<uint64_t>(column.min));
  out.U64(static_cast<uint64_t>(column.max));
  out.U64(column.unsigned_max);
  out.U64(column.chars_max);
  out.U64(column.bytes_max);
  out.U64(column.bytes_min);
  out.U32(column.precision);
  out.U32(column.scale);
  out.U32(column.fraction_digits);
  AppendStrings(column.labels, out);
  out.String(column.native_type);
  out.U32(column.native_id);
  out.U32(column.element_native_id);
  out.U32(static_cast<uint32_t>(column.native_modifier));
}

bool ReadType(ByteReader& in, ColumnType* type) {
  const uint8_t number = in.U8();
  *type = static_cast<ColumnType>(number);
  return number <= static_cast<uint8_t>(ColumnType::kArray);
}

bool ReadColumn(ByteReader& in, Column* column) {
  column->name = in.String();
  if (!ReadType(in, &column->type) || !ReadType(in, &column->element)) return false;
  SetFlags(in.U32(), column);
  column->min = static_cast<int64_t>(in.U64());
  column->max = static_cast<int64_t>(in.U64());
  column->unsigned_max = in.U64();
  column->chars_max = in.U64();
  column->bytes_max = in.U64();
  column->bytes_min = in.U64();
  column->precision = in.U32();
  column->scale = in.U32();
  column->fraction_digits = in.U32();
  column->labels = ReadStrings(in);
  column->native_type = in.String();
  column->native_id = in.U32();
  column->element_native_id = in.U32();
  column->native_modifier = static_cast<int32_t>(in.U32());
  return in.ok();
}

void AppendRule(const WriteRule& rule, ByteWriter& out) {
  out.U8(static_cast<uint8_t>(rule.conflict));
  AppendStrings(rule.key, out);
  AppendStrings(rule.update, out);
}

uint8_t FlagsOf(const TableSchema& schema) {
  return static_cast<uint8_t>(Bit(schema.rule().any_unique_key, 0) |
                              Bit(schema.rule().at_least_once, 1) |
                              static_cast<uint32_t>(schema.weakness()) << 2U);
}

bool ReadRule(ByteReader& in, WriteRule* rule) {
  const uint8_t conflict = in.U8();
  if (conflict > static_cast<uint8_t>(Conflict::kReplace)) return false;
  rule->conflict = static_cast<Conflict>(conflict);
  rule->key = ReadStrings(in);
  rule->update = ReadStrings(in);
  return in.ok();
}

struct Parts {
  TableName name;
  std::vector<Column> columns;
  std::vector<uint16_t> primary_key;
  std::vector<std::vector<uint16_t>> unique_keys;
  WriteRule rule;
  TableWeakness weakness = TableWeakness::kNone;
};

bool SetFlags(uint8_t flags, Parts* parts) {
  parts->rule.any_unique_key = (flags & 1U) != 0;
  parts->rule.at_least_once = (flags & 2U) != 0;
  parts->weakness = static_cast<TableWeakness>(flags >> 2U);
  return parts->weakness <= TableWeakness::kNoRollback;
}

bool ReadParts(ByteReader& in, Parts* parts) {
  parts->name.schema = in.String();
  parts->name.name = in.String();
  const uint32_t columns = in.U32();
  for (uint32_t i = 0; i < columns && in.ok(); ++i) {
    if (!ReadColumn(in, &parts->columns.emplace_back())) return false;
  }
  if (!ReadKey(in, parts->columns.size(), &parts->primary_key)) return false;
  const uint32_t keys = in.U32();
  for (uint32_t i = 0; i < keys && in.ok(); ++i) {
    if (!ReadKey(in, parts->columns.size(), &parts->unique_keys.emplace_back())) return false;
  }
  return ReadRule(in, &parts->rule) && SetFlags(in.U8(), parts) && in.ok() && in.empty();
}

}  // namespace

void AppendSchema(const TableSchema& schema, ByteWriter& out) {
  out.String(schema.name().schema);
  out.String(schema.name().name);
  out.U32(static_cast<uint32_t>(schema.columns().size()));
  for (const Column& column : schema.columns()) AppendColumn(column, out);
  AppendKey(schema.primary_key(), out);
  out.U32(static_cast<uint32_t>(schema.unique_keys().size()));
  for (const std::vector<uint16_t>& key : schema.unique_keys()) AppendKey(key, out);
  AppendRule(schema.rule(), out);
  out.U8(FlagsOf(schema));
}

absl::StatusOr<TableSchema> ParseSchema(std::string_view bytes) {
  ByteReader in(bytes);
  Parts parts;
  if (!ReadParts(in, &parts)) return absl::DataLossError("the schema is malformed");
  absl::StatusOr<TableSchema> schema = TableSchema::Create(
      std::move(parts.name), std::move(parts.columns), std::move(parts.primary_key),
      std::move(parts.unique_keys), std::move(parts.rule), parts.weakness);
  if (!schema.ok()) return absl::DataLossError("the schema contradicts itself");
  return schema;
}

}  // namespace batchsql
