#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/strings.h"
#include "server/decode/row_source.h"

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

}  // namespace

absl::Status NamedTwice(std::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("column ", AsAbsl(name), " is named twice"));
}

absl::StatusOr<size_t> ColumnInference::Add(std::string_view name, uint32_t columns_max) {
  if (std::any_of(columns_.begin(), columns_.end(),
                  [&](const Observed& column) { return column.name == name; })) {
    return NamedTwice(name);
  }
  if (columns_.size() == columns_max) {
    return LimitPassed(
        absl::StrCat("the request names more than limits.columns_max = ", columns_max, " columns"));
  }
  columns_.push_back({std::string(name)});
  return columns_.size() - 1;
}

void ColumnInference::Observe(size_t column, const Value& value) {
  const std::optional<ColumnType> type = TypeOf(value);
  if (!type.has_value()) return;
  Observed& observed = columns_[column];
  if (!observed.has_type) {
    observed.has_type = true;
    observed.type = *type;
  } else if (observed.type == ColumnType::kInt64 &&
             (*type == ColumnType::kFloat64 || *type == ColumnType::kUint64)) {
    observed.type = *type;
  }
}

std::vector<NewColumn> ColumnInference::Finish() const {
  std::vector<NewColumn> columns;
  for (const Observed& column : columns_) columns.push_back({column.name, column.type, false});
  return columns;
}

}  // namespace batchsql
