#include "executors/sqlite/declared_type.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/civil_time.h"

namespace batchsql::sqlite {
namespace {

// Upper case, without a length in parentheses, single spaces.
std::string Normalize(std::string_view declared) {
  std::string plain;
  int depth = 0;
  for (char c : declared) {
    if (c == '(') ++depth;
    if (depth == 0) plain.push_back(c);
    if (c == ')') --depth;
  }
  absl::AsciiStrToUpper(&plain);
  return absl::StrJoin(absl::StrSplit(plain, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty()), " ");
}

struct NamedType {
  std::string_view name;
  ColumnType type;
};

// Names with NUMERIC affinity whose values are no numbers, or are integers: SQLite keeps them.
constexpr NamedType kNumericNames[] = {
    {"BOOL", ColumnType::kBool},
    {"BOOLEAN", ColumnType::kBool},
    {"DATE", ColumnType::kDate},
    {"TIME", ColumnType::kTime},
    {"TIME WITHOUT TIME ZONE", ColumnType::kTime},
    {"DATETIME", ColumnType::kTimestamp},
    {"TIMESTAMP", ColumnType::kTimestamp},
    {"TIMESTAMP WITHOUT TIME ZONE", ColumnType::kTimestamp},
    {"TIMESTAMPTZ", ColumnType::kTimestampTz},
    {"TIMESTAMP WITH TIME ZONE", ColumnType::kTimestampTz},
    {"UUID", ColumnType::kUuid},
    {"GUID", ColumnType::kUuid},
    {"JSON", ColumnType::kJson},
    {"BINARY", ColumnType::kBytes},
    {"VARBINARY", ColumnType::kBytes},
    {"BYTEA", ColumnType::kBytes},
};

// Names that end in TEXT, so that numbers keep their digits.
constexpr NamedType kTextNames[] = {
    {"DECIMAL TEXT", ColumnType::kDecimal},     {"NUMERIC TEXT", ColumnType::kDecimal},
    {"UNSIGNED TEXT", ColumnType::kUint64},     {"JSON TEXT", ColumnType::kJson},
    {"UUID TEXT", ColumnType::kUuid},           {"DATE TEXT", ColumnType::kDate},
    {"TIME TEXT", ColumnType::kTime},           {"DATETIME TEXT", ColumnType::kTimestamp},
    {"TIMESTAMP TEXT", ColumnType::kTimestamp}, {"TIMESTAMPTZ TEXT", ColumnType::kTimestampTz},
};

template <size_t kSize>
std::optional<ColumnType> Find(const NamedType (&names)[kSize], std::string_view name) {
  for (const NamedType& named : names) {
    if (named.name == name) return named.type;
  }
  return std::nullopt;
}

// INT anywhere gives INTEGER affinity: also POINT and INTERVAL, which are no integers.
bool IsIntegerName(std::string_view name) {
  for (absl::string_view word : absl::StrSplit(absl::string_view(name.data(), name.size()), ' ')) {
    const bool known = word == "UNSIGNED" || word == "SIGNED" || word == "BIG" || word == "INT" ||
                       word == "INTEGER" || word == "TINYINT" || word == "SMALLINT" ||
                       word == "MEDIUMINT" || word == "BIGINT" || word == "INT2" ||
                       word == "INT4" || word == "INT8";
    if (!known) return false;
  }
  return true;
}

std::optional<ColumnType> TypeOf(const std::string& name) {
  switch (AffinityOf(name)) {
    case Affinity::kInteger:
      return IsIntegerName(name) ? std::optional(ColumnType::kInt64) : std::nullopt;
    case Affinity::kText:
      return Find(kTextNames, name).value_or(ColumnType::kText);
    case Affinity::kBlob:
      return name.empty() ? std::nullopt : std::optional(ColumnType::kBytes);
    case Affinity::kReal:
      return ColumnType::kFloat64;
    case Affinity::kNumeric:
      return Find(kNumericNames, name);
  }
  return std::nullopt;
}

absl::Status Refuse(std::string_view declared, const Column& column) {
  const std::string subject = absl::StrCat("column ", column.name, ": ");
  if (declared.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(subject, "has no declared type"));
  }
  const std::string name = Normalize(declared);
  if (absl::StartsWith(name, "DEC") || absl::StartsWith(name, "NUM")) {
    return absl::FailedPreconditionError(
        absl::StrCat(subject, "SQLite does not keep the digits of ", column.native_type,
                     "; declare it DECIMAL TEXT, or TEXT"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      subject, "values of the declared type ", column.native_type, " may be changed by SQLite"));
}

// Text that FormatDate and FormatTimestamp write has a year of four digits.
void LimitToFourDigitYears(Column* column) {
  const int64_t first = DaysFromCivil({0, 1, 1});
  const int64_t last = DaysFromCivil({9999, 12, 31});
  if (column->type == ColumnType::kDate) {
    column->min = first;
    column->max = last;
  } else {
    column->min = first * kMicrosPerDay;
    column->max = (last + 1) * kMicrosPerDay - 1;
  }
}

}  // namespace

Affinity AffinityOf(std::string_view declared) {
  const std::string name =
      absl::AsciiStrToUpper(absl::string_view(declared.data(), declared.size()));
  const auto has = [&](absl::string_view part) { return absl::StrContains(name, part); };
  if (has("INT")) return Affinity::kInteger;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return Affinity::kText;
  if (has("BLOB") || name.empty()) return Affinity::kBlob;
  if (has("REAL") || has("FLOA") || has("DOUB")) return Affinity::kReal;
  return Affinity::kNumeric;
}

absl::Status ApplyDeclaredType(std::string_view declared, Column* column) {
  column->native_type = declared;
  const std::optional<ColumnType> type = TypeOf(Normalize(declared));
  if (!type) return Refuse(declared, *column);
  column->type = *type;
  switch (*type) {
    case ColumnType::kFloat64:
      column->takes_nan = false;            // would be stored as NULL
      column->takes_negative_zero = false;  // would be stored as 0
      break;
    case ColumnType::kDecimal:
      column->takes_nan = false;
      break;
    case ColumnType::kDate:
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      LimitToFourDigitYears(column);
      break;
    case ColumnType::kTime:
      column->min = 0;
      column->max = kMicrosPerDay - 1;
      break;
    default:
      break;
  }
  // Equal values have one text; but 1 and 1.0 are equal floats, and JSON is compared as text.
  column->key_is_bytes = *type != ColumnType::kFloat64 && *type != ColumnType::kJson;
  return absl::OkStatus();
}

std::string_view DeclaredTypeFor(ColumnType type) {
  switch (type) {
    case ColumnType::kBool:
      return "BOOLEAN";
    case ColumnType::kInt64:
      return "INTEGER";
    case ColumnType::kUint64:
      return "UNSIGNED TEXT";
    case ColumnType::kFloat32:
    case ColumnType::kFloat64:
      return "REAL";
    case ColumnType::kDecimal:
      return "DECIMAL TEXT";
    case ColumnType::kBytes:
      return "BLOB";
    case ColumnType::kDate:
      return "DATE";
    case ColumnType::kTime:
      return "TIME";
    case ColumnType::kTimestamp:
      return "TIMESTAMP";
    case ColumnType::kTimestampTz:
      return "TIMESTAMPTZ";
    case ColumnType::kUuid:
      return "UUID";
    case ColumnType::kJson:
      return "JSON TEXT";
    case ColumnType::kText:
    case ColumnType::kEnum:
    case ColumnType::kArray:
      return "TEXT";
  }
  return "TEXT";
}

}  // namespace batchsql::sqlite
