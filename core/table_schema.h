#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/names.h"

namespace batchsql {

// How a column's values are held in a RowBlock and what they mean. The comment is the form in the
// block: F = eight bytes, little-endian; V = bytes of any length.
enum class ColumnType : uint8_t {
  kBool,         // F 0 or 1
  kInt64,        // F signed; every signed integer column, and unsigned ones up to 32 bits
  kUint64,       // F unsigned
  kFloat32,      // F double that is a float exactly
  kFloat64,      // F double
  kDecimal,      // V canonical text: -?digits[.digits], no leading or trailing zeros, no "-0"
  kText,         // V UTF-8
  kBytes,        // V
  kDate,         // F days since 1970-01-01, signed
  kTime,         // F microseconds since midnight, signed
  kTimestamp,    // F microseconds since 1970-01-01T00:00:00 in the column's own (no) zone, signed
  kTimestampTz,  // F microseconds since 1970-01-01T00:00:00Z, signed
  kUuid,         // V 16 bytes
  kJson,         // V UTF-8, valid JSON
  kEnum,         // V UTF-8, one of the labels
  kArray,        // V, see AppendArrayElement in core/array_cell.h
};

std::string_view ColumnTypeName(ColumnType type);

// True where a RowBlock holds the type as bytes of any length.
constexpr bool IsVariable(ColumnType type) {
  switch (type) {
    case ColumnType::kDecimal:
    case ColumnType::kText:
    case ColumnType::kBytes:
    case ColumnType::kUuid:
    case ColumnType::kJson:
    case ColumnType::kEnum:
    case ColumnType::kArray:
      return true;
    default:
      return false;
  }
}

inline constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// One column as its database describes it, with everything that validation needs.
struct Column {
  std::string name;
  ColumnType type = ColumnType::kText;
  ColumnType element = ColumnType::kText;  // of an array; the limits below are then the element's

  bool nullable = true;
  bool has_default = false;  // includes identity and auto-increment
  bool generated = false;    // GENERATED ALWAYS: clients may not write it

  // Range of kInt64, kDate (days), kTime and the timestamps (microseconds), both ends included.
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
  uint64_t unsigned_max = std::numeric_limits<uint64_t>::max();  // kUint64

  uint64_t chars_max = kNoLimit;  // kText: code points
  uint64_t bytes_max = kNoLimit;  // kText, kJson, kBytes

  uint64_t bytes_min = 0;             // kBytes: a shorter value would come back padded (BINARY(n))
  bool keeps_trailing_spaces = true;  // kText: not MySQL's CHAR(n)

  // kDecimal: digits in all and after the point; precision 0 is unlimited.
  uint32_t precision = 0;
  uint32_t scale = 0;

  uint32_t fraction_digits = 6;  // kTime and the timestamps: digits of a second that are kept

  bool takes_nan = true;       // kFloat32, kFloat64, kDecimal (as "NaN")
  bool takes_infinity = true;  // kFloat32, kFloat64
  bool takes_negative_zero = true;
  bool takes_nul = true;  // text may hold U+0000

  // Two values are equal in the database exactly when their bytes in a block are equal. False for
  // case-insensitive or padded collations, floats, decimals and JSON.
  bool key_is_bytes = false;

  std::vector<std::string> labels;  // kEnum

  std::string native_type;         // as the database writes it, for people and for casts
  uint32_t native_id = 0;          // PostgreSQL: type OID
  uint32_t element_native_id = 0;  // PostgreSQL: element type OID of an array
  int32_t native_modifier = -1;    // PostgreSQL: atttypmod

  bool operator==(const Column&) const = default;
};

// How a pipeline treats its table; part of the schema because validation and encoding need it.
struct WriteRule {
  Conflict conflict = Conflict::kInsert;
  // Columns that decide which row a conflict is with. Empty: the primary key.
  std::vector<std::string> key;
  // kUpdate: columns set on conflict. Empty: every column that was sent and is not in the key.
  std::vector<std::string> update;
  // Accept that the conflict strategy also applies to the table's other unique keys.
  bool any_unique_key = false;
  // Accept a table that cannot keep the promise of exactly once.
  bool at_least_once = false;

  bool operator==(const WriteRule&) const = default;
};

// Why a flush into a table is not exactly once; docs/watermark.md, "Tables".
enum class TableWeakness : uint8_t {
  kNone,        // it is
  kUnlogged,    // PostgreSQL: its rows are gone after a crash of the server
  kForeign,     // PostgreSQL: its rows are elsewhere, and commit apart from the watermark
  kView,        // PostgreSQL: where its rows go is the view's matter
  kNoRollback,  // MySQL: what a failed flush wrote may stay
};

// What is wrong with such a table, for people.
std::string_view TableWeaknessText(TableWeakness weakness);

// Columns, keys and conflict rule of one table. Immutable once built and shared between threads.
class TableSchema {
 public:
  // `primary_key` and `unique_keys` list column indexes. FAILED_PRECONDITION when the rule does not
  // fit the table: a key column that does not exist or is no unique key, an update column that does
  // not exist, several unique keys without `any_unique_key`.
  static absl::StatusOr<TableSchema> Create(TableName name, std::vector<Column> columns,
                                            std::vector<uint16_t> primary_key,
                                            std::vector<std::vector<uint16_t>> unique_keys,
                                            WriteRule rule,
                                            TableWeakness weakness = TableWeakness::kNone);

  const TableName& name() const { return name_; }
  const std::vector<Column>& columns() const { return columns_; }
  const Column& column(size_t index) const { return columns_[index]; }
  // Exact match first; a database that ignores case in names is not imitated. -1 when unknown.
  int FindColumn(std::string_view name) const;

  const std::vector<uint16_t>& primary_key() const { return primary_key_; }
  // Every unique key, the primary key included.
  const std::vector<std::vector<uint16_t>>& unique_keys() const { return unique_keys_; }

  Conflict conflict() const { return rule_.conflict; }
  const WriteRule& rule() const { return rule_; }
  // The columns of the rule's key; empty for kInsert.
  const std::vector<uint16_t>& conflict_key() const { return conflict_key_; }
  // Set on conflict under kUpdate, before the columns that were not sent are taken out.
  bool IsUpdateColumn(size_t index) const { return is_update_column_[index]; }

  // Rows with equal keys may be merged before they are written.
  bool CanCoalesce() const { return can_coalesce_; }
  // Flushes may overtake each other: no order is promised under kInsert.
  bool IsAppendOnly() const { return rule_.conflict == Conflict::kInsert; }
  // Other than kNone only where the rule accepts it.
  TableWeakness weakness() const { return weakness_; }

  bool operator==(const TableSchema& other) const;

 private:
  TableSchema() = default;
  absl::Status ResolveRule();
  absl::Status ResolveKey();

  TableName name_;
  std::vector<Column> columns_;
  std::vector<uint16_t> primary_key_;
  std::vector<std::vector<uint16_t>> unique_keys_;
  WriteRule rule_;
  TableWeakness weakness_ = TableWeakness::kNone;
  std::vector<uint16_t> conflict_key_;
  std::vector<bool> is_update_column_;
  bool can_coalesce_ = false;
  absl::flat_hash_map<std::string, uint16_t> index_;
};

}  // namespace batchsql
