#include "server/decode/column_inference.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/civil_time.h"
#include "core/limit_error.h"
#include "core/names.h"
#include "core/strings.h"

namespace batchsql {
namespace {

std::optional<ColumnType> TypeOf(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kAbsent:
    case Value::Kind::kNull:
      return std::nullopt;
    case Value::Kind::kBool:
      return ColumnType::kBool;
    case Value::Kind::kInt:
      return ColumnType::kInt64;
    case Value::Kind::kUint:
      return ColumnType::kUint64;
    case Value::Kind::kDouble:
    case Value::Kind::kNumber:
      return ColumnType::kFloat64;
    case Value::Kind::kText:
      return ColumnType::kText;
    case Value::Kind::kBytes:
      return ColumnType::kBytes;
    case Value::Kind::kTimestamp:
      return ColumnType::kTimestampTz;
    case Value::Kind::kDate:
      return ColumnType::kDate;
    case Value::Kind::kTime:
      return ColumnType::kTime;
    case Value::Kind::kList:
      return ColumnType::kJson;
  }
  return std::nullopt;
}

bool IsNumber(ColumnType type) {
  return type == ColumnType::kInt64 || type == ColumnType::kUint64 || type == ColumnType::kFloat64;
}

bool IsJsonScalar(ColumnType type) { return type == ColumnType::kBool || IsNumber(type); }

// The type that takes both, `first` where there is none.
ColumnType Wider(ColumnType first, ColumnType next, bool has_negative) {
  if (IsNumber(first) && next == ColumnType::kFloat64) return next;
  if (first == ColumnType::kInt64 && next == ColumnType::kUint64 && !has_negative) return next;
  if (IsJsonScalar(first) && next == ColumnType::kJson) return next;
  if (first == ColumnType::kJson && next == ColumnType::kText) return next;
  return first;
}

bool IsRfc3339(std::string_view text) {
  constexpr size_t kShortest = sizeof("2024-02-29T23:59:59Z") - 1;
  if (text.size() < kShortest || (text[10] != 'T' && text[10] != ' ')) return false;
  const bool zone =
      text.back() == 'Z' || (text[text.size() - 3] == ':' &&
                             (text[text.size() - 6] == '+' || text[text.size() - 6] == '-'));
  return zone && ParseTimestamp(text).has_value();
}

}  // namespace

absl::Status NamedTwice(std::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("column ", AsAbsl(name), " is named twice"));
}

absl::StatusOr<size_t> ColumnInference::Add(std::string_view name) {
  if (name.size() > kColumnNameBytesMax) return ColumnNameTooLong();
  const auto [found, is_new] = index_.try_emplace(AsAbsl(name), columns_.size());
  if (!is_new) return found->second;
  if (columns_.size() == columns_max_) {
    return LimitPassed(absl::StrCat(
        "the request names more than limits.columns_max = ", columns_max_, " columns"));
  }
  columns_.push_back({std::string(name)});
  return columns_.size() - 1;
}

void ColumnInference::Observe(size_t column, const Value& value) {
  const std::optional<ColumnType> type = TypeOf(value);
  if (!type.has_value()) return;
  Observed& observed = columns_[column];
  observed.has_negative |= value.kind == Value::Kind::kInt && value.integer < 0;
  Widen(observed, *type);
}

void ColumnInference::ObserveString(size_t column, std::string_view text) {
  Observed& observed = columns_[column];
  const bool timestamps = (!observed.has_type || observed.timestamps) && IsRfc3339(text);
  Widen(observed, ColumnType::kText);
  observed.timestamps = timestamps;
}

void ColumnInference::Widen(Observed& column, ColumnType type) {
  column.type = column.has_type ? Wider(column.type, type, column.has_negative) : type;
  column.has_type = true;
  column.timestamps = false;
}

std::vector<NewColumn> ColumnInference::Finish() const {
  std::vector<NewColumn> columns;
  columns.reserve(columns_.size());
  for (const Observed& column : columns_) {
    columns.push_back({column.name, column.timestamps ? ColumnType::kTimestampTz : column.type});
  }
  return columns;
}

}  // namespace batchsql
