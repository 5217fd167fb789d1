#include "executors/mysql/column_types.h"

#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/civil_time.h"

namespace batchsql {
namespace {

// Earlier than the documented 1000-01-01; both servers store and compare these years as any other.
constexpr CivilDate kFirstDate = {1, 1, 1};
constexpr CivilDate kEndDate = {10000, 1, 1};
constexpr int64_t kTimestampFirst = 1 * kMicrosPerSecond;
constexpr int64_t kTimestampEnd = (int64_t{1} << 31) * kMicrosPerSecond;
constexpr int64_t kTimeMax = (int64_t{838} * 3600 + 59 * 60 + 59) * kMicrosPerSecond;

struct IntegerType {
  std::string_view name;
  int bits;
};
constexpr IntegerType kIntegers[] = {
    {"tinyint", 8}, {"smallint", 16}, {"mediumint", 24}, {"int", 32}, {"bigint", 64}};

bool IsUnsigned(const MySqlColumnFacts& facts) {
  return absl::StrContains(facts.column_type, "unsigned");
}

bool SetInteger(const MySqlColumnFacts& facts, Column& column) {
  for (const IntegerType& type : kIntegers) {
    if (facts.data_type != type.name) continue;
    column.type = ColumnType::kInt64;
    column.key_is_bytes = true;
    if (IsUnsigned(facts) && type.bits == 64) {
      column.type = ColumnType::kUint64;
    } else if (IsUnsigned(facts)) {
      column.min = 0;
      column.max = (int64_t{1} << type.bits) - 1;
    } else if (type.bits < 64) {
      column.min = -(int64_t{1} << (type.bits - 1));
      column.max = (int64_t{1} << (type.bits - 1)) - 1;
    }
    return true;
  }
  return false;
}

// A YEAR also holds 0, left out because a range has no gap.
bool SetYear(const MySqlColumnFacts& facts, Column& column) {
  if (facts.data_type != "year") return false;
  column.type = ColumnType::kInt64;
  column.key_is_bytes = true;
  column.min = 1901;
  column.max = 2155;
  return true;
}

// FLOAT(m, d) and DOUBLE(m, d) round silently, so they are refused.
bool SetReal(const MySqlColumnFacts& facts, Column& column) {
  if (facts.data_type == "decimal") {
    column.type = ColumnType::kDecimal;
    column.precision = static_cast<uint32_t>(facts.numeric_precision.value_or(10));
    column.scale = static_cast<uint32_t>(facts.numeric_scale.value_or(0));
    return true;
  }
  const bool is_float = facts.data_type == "float";
  if ((!is_float && facts.data_type != "double") || facts.numeric_scale) return false;
  column.type = is_float ? ColumnType::kFloat32 : ColumnType::kFloat64;
  return true;
}

// Binary and without padding: the only text whose equality is that of its bytes.
bool IsByteCollation(std::string_view collation) {
  return collation.ends_with("_bin") && (collation.find("nopad") != std::string_view::npos ||
                                         collation.find("_0900_") != std::string_view::npos);
}

bool SetText(const MySqlColumnFacts& facts, Column& column) {
  const std::string& type = facts.data_type;
  const bool counts_chars = type == "varchar" || type == "char";
  if (!counts_chars && !absl::EndsWith(type, "text")) return false;
  column.type = facts.checks_json ? ColumnType::kJson : ColumnType::kText;
  // TEXT counts bytes, which a block's UTF-8 shows only where the column is UTF-8 too.
  const bool same_bytes = absl::StartsWith(facts.charset, "utf8") || facts.charset == "ascii";
  if (counts_chars || !same_bytes) {
    column.chars_max = facts.chars_max.value_or(kNoLimit);
  } else {
    column.bytes_max = facts.octets_max.value_or(kNoLimit);
  }
  column.keeps_trailing_spaces = type != "char";
  column.key_is_bytes =
      column.type == ColumnType::kText && type != "char" && IsByteCollation(facts.collation);
  return true;
}

bool SetBytes(const MySqlColumnFacts& facts, Column& column) {
  const std::string& type = facts.data_type;
  if (type != "binary" && type != "varbinary" && !absl::EndsWith(type, "blob")) return false;
  column.type = ColumnType::kBytes;
  column.bytes_max = facts.octets_max.value_or(kNoLimit);
  if (type == "binary") column.bytes_min = facts.octets_max.value_or(0);
  column.key_is_bytes = true;
  return true;
}

bool SetDateTime(const MySqlColumnFacts& facts, Column& column) {
  const std::string& type = facts.data_type;
  column.fraction_digits = static_cast<uint32_t>(facts.datetime_precision.value_or(0));
  if (type == "date") {
    column.type = ColumnType::kDate;
    column.min = DaysFromCivil(kFirstDate);
    column.max = DaysFromCivil(kEndDate) - 1;
  } else if (type == "time") {
    column.type = ColumnType::kTime;
    column.min = -kTimeMax;
    column.max = kTimeMax;
  } else if (type == "datetime") {
    column.type = ColumnType::kTimestamp;
    column.min = DaysFromCivil(kFirstDate) * kMicrosPerDay;
    column.max = DaysFromCivil(kEndDate) * kMicrosPerDay - 1;
  } else if (type == "timestamp") {
    column.type = ColumnType::kTimestampTz;
    column.min = kTimestampFirst;
    column.max = kTimestampEnd - 1;
  } else {
    column.fraction_digits = Column().fraction_digits;
    return false;
  }
  column.key_is_bytes = true;
  return true;
}

// enum('a','it''s') → its labels. Both servers double quotes and escape \0, \n, \r and \ with a
// backslash.
std::vector<std::string> ParseLabels(std::string_view column_type) {
  std::vector<std::string> labels;
  size_t i = column_type.find('\'');
  while (i < column_type.size()) {
    std::string label;
    for (++i; i < column_type.size(); ++i) {
      char c = column_type[i];
      if (c == '\'') {
        if (i + 1 >= column_type.size() || column_type[i + 1] != '\'') break;
        ++i;
      } else if (c == '\\' && i + 1 < column_type.size()) {
        c = column_type[++i];
        c = c == '0' ? '\0' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
      }
      label.push_back(c);
    }
    labels.push_back(std::move(label));
    i = column_type.find('\'', i + 1);
  }
  return labels;
}

bool SetOther(const MySqlColumnFacts& facts, Column& column) {
  if (facts.data_type == "json") {
    column.type = ColumnType::kJson;
  } else if (facts.data_type == "enum") {
    column.type = ColumnType::kEnum;
    column.labels = ParseLabels(facts.column_type);
  } else if (facts.data_type == "uuid") {
    column.type = ColumnType::kUuid;
    column.key_is_bytes = true;
  } else {
    return false;
  }
  return true;
}

bool SetType(const MySqlColumnFacts& facts, Column& column) {
  return SetInteger(facts, column) || SetYear(facts, column) || SetReal(facts, column) ||
         SetText(facts, column) || SetBytes(facts, column) || SetDateTime(facts, column) ||
         SetOther(facts, column);
}

// MariaDB writes the default of a nullable column without one as NULL, MySQL gives none at all.
bool HasDefault(const MySqlColumnFacts& facts) {
  if (absl::StrContains(facts.extra, "auto_increment")) return true;
  if (!facts.default_value) return false;
  return !facts.nullable || *facts.default_value != "NULL";
}

}  // namespace

absl::StatusOr<Column> MySqlColumn(const MySqlColumnFacts& facts) {
  Column column;
  column.name = facts.name;
  column.nullable = facts.nullable;
  column.has_default = HasDefault(facts);
  column.generated = absl::StrContains(facts.extra, "VIRTUAL GENERATED") ||
                     absl::StrContains(facts.extra, "STORED GENERATED") ||
                     absl::StrContains(facts.extra, "PERSISTENT");
  column.native_type = facts.column_type;
  if (absl::StrContains(facts.extra, "auto_increment")) column.native_type += " auto_increment";
  column.takes_nan = false;
  column.takes_infinity = false;
  column.takes_negative_zero = false;  // MariaDB stores 0
  if (!SetType(facts, column) && !column.generated) {
    return absl::FailedPreconditionError(absl::StrCat(
        "column ", facts.name, " has type ", facts.column_type, ", which is not supported"));
  }
  return column;
}

}  // namespace batchsql
