#include "core/table_schema.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/strings.h"

namespace batchsql {
namespace {

bool SameSet(std::vector<uint16_t> a, std::vector<uint16_t> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

}  // namespace

std::string_view ColumnTypeName(ColumnType type) {
  switch (type) {
    case ColumnType::kBool:
      return "bool";
    case ColumnType::kInt64:
      return "int64";
    case ColumnType::kUint64:
      return "uint64";
    case ColumnType::kFloat32:
      return "float32";
    case ColumnType::kFloat64:
      return "float64";
    case ColumnType::kDecimal:
      return "decimal";
    case ColumnType::kText:
      return "text";
    case ColumnType::kBytes:
      return "bytes";
    case ColumnType::kDate:
      return "date";
    case ColumnType::kTime:
      return "time";
    case ColumnType::kTimestamp:
      return "timestamp";
    case ColumnType::kTimestampTz:
      return "timestamptz";
    case ColumnType::kUuid:
      return "uuid";
    case ColumnType::kJson:
      return "json";
    case ColumnType::kEnum:
      return "enum";
    case ColumnType::kArray:
      return "array";
  }
  return "";
}

std::string_view TableWeaknessText(TableWeakness weakness) {
  switch (weakness) {
    case TableWeakness::kNone:
      return "";
    case TableWeakness::kUnlogged:
      return "an unlogged table is empty after a crash of the server";
    case TableWeakness::kForeign:
      return "a foreign table commits apart from the watermark";
    case TableWeakness::kView:
      return "a view may write anywhere";
    case TableWeakness::kNoRollback:
      return "only an InnoDB table can take a flush back";
  }
  return "";
}

absl::StatusOr<TableSchema> TableSchema::Create(TableName name, std::vector<Column> columns,
                                                std::vector<uint16_t> primary_key,
                                                std::vector<std::vector<uint16_t>> unique_keys,
                                                WriteRule rule, TableWeakness weakness) {
  TableSchema schema;
  schema.name_ = std::move(name);
  schema.columns_ = std::move(columns);
  schema.primary_key_ = std::move(primary_key);
  schema.unique_keys_ = std::move(unique_keys);
  schema.rule_ = std::move(rule);
  schema.weakness_ = weakness;
  for (size_t i = 0; i < schema.columns_.size(); ++i) {
    schema.index_.emplace(schema.columns_[i].name, static_cast<uint16_t>(i));
  }
  if (absl::Status status = schema.ResolveRule(); !status.ok()) return status;
  return schema;
}

int TableSchema::FindColumn(std::string_view name) const {
  const auto found = index_.find(AsAbsl(name));
  return found == index_.end() ? -1 : found->second;
}

absl::Status TableSchema::ResolveRule() {
  is_update_column_.assign(columns_.size(), false);
  if (rule_.conflict == Conflict::kInsert) return absl::OkStatus();
  if (absl::Status status = ResolveKey(); !status.ok()) return status;

  for (const std::string& column : rule_.update) {
    const int index = FindColumn(column);
    if (index < 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("table ", name_.ToString(), " has no column ", column, " to update"));
    }
    is_update_column_[static_cast<size_t>(index)] = true;
  }
  if (rule_.update.empty()) is_update_column_.assign(columns_.size(), true);
  for (uint16_t key_column : conflict_key_) is_update_column_[key_column] = false;

  // With several unique keys a row may conflict through another one, where only LSN order is right.
  can_coalesce_ = unique_keys_.size() == 1 &&
                  std::all_of(conflict_key_.begin(), conflict_key_.end(),
                              [&](uint16_t column) { return columns_[column].key_is_bytes; });
  return absl::OkStatus();
}

absl::Status TableSchema::ResolveKey() {
  for (const std::string& column : rule_.key) {
    const int index = FindColumn(column);
    if (index < 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("table ", name_.ToString(), " has no key column ", column));
    }
    conflict_key_.push_back(static_cast<uint16_t>(index));
  }
  if (rule_.key.empty()) conflict_key_ = primary_key_;
  if (conflict_key_.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("table ", name_.ToString(), " has no primary key; conflict: ",
                     AsAbsl(ConflictName(rule_.conflict)), " needs one, or a `key`"));
  }
  const bool is_unique = std::any_of(unique_keys_.begin(), unique_keys_.end(),
                                     [&](const auto& key) { return SameSet(key, conflict_key_); });
  if (!is_unique) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the key configured for table ", name_.ToString(), " is no unique key of the table"));
  }
  if (unique_keys_.size() > 1 && !rule_.any_unique_key) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table ", name_.ToString(),
        " has several unique keys, and conflict: ", AsAbsl(ConflictName(rule_.conflict)),
        " may act on any of them; set any_unique_key: true to accept that"));
  }
  return absl::OkStatus();
}

bool TableSchema::operator==(const TableSchema& other) const {
  return name_ == other.name_ && columns_ == other.columns_ && primary_key_ == other.primary_key_ &&
         unique_keys_ == other.unique_keys_ && rule_ == other.rule_ && weakness_ == other.weakness_;
}

}  // namespace batchsql
