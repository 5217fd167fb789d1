#include "executors/mysql/sql_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr size_t kIdentifierCharsMax = 64;

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool Contains(absl::Span<const uint16_t> columns, size_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

bool IsTextual(const Column& column) {
  return column.type == ColumnType::kText || column.type == ColumnType::kJson;
}

// Columns that a conflict sets. Under kReplace also those that were not sent: VALUES() is then what
// the insert would have stored, the default, whether literal, expression or CURRENT_TIMESTAMP. But
// an AUTO_INCREMENT column or a part of the primary key that was not sent stays: its default would
// give the row a new identity, and child rows refer to it.
std::vector<uint16_t> ColumnsSetOnConflict(const TableSchema& schema,
                                           absl::Span<const uint16_t> sent) {
  std::vector<uint16_t> set;
  for (size_t i = 0; i < schema.columns().size(); ++i) {
    const Column& column = schema.column(i);
    if (column.generated || Contains(schema.conflict_key(), i)) continue;
    const bool is_sent = Contains(sent, i);
    const bool is_identity =
        Contains(schema.primary_key(), i) || absl::EndsWith(column.native_type, "auto_increment");
    const bool wanted =
        schema.conflict() == Conflict::kReplace
            ? is_sent || !is_identity
            : schema.conflict() == Conflict::kUpdate && is_sent && schema.IsUpdateColumn(i);
    if (wanted) set.push_back(static_cast<uint16_t>(i));
  }
  return set;
}

// A column that can be set to itself, so that a conflict changes nothing: of the key, if it can be.
uint16_t UnchangedColumn(const TableSchema& schema) {
  for (const uint16_t i : schema.conflict_key()) {
    if (!schema.column(i).generated) return i;
  }
  for (size_t i = 0; i < schema.columns().size(); ++i) {
    if (!schema.column(i).generated) return static_cast<uint16_t>(i);
  }
  return 0;
}

std::string ConflictTail(const TableSchema& schema, absl::Span<const uint16_t> sent) {
  if (schema.conflict() == Conflict::kInsert) return "";
  const std::vector<uint16_t> set = ColumnsSetOnConflict(schema, sent);
  if (set.empty()) {
    const std::string name = QuoteMySqlIdentifier(schema.column(UnchangedColumn(schema)).name);
    return absl::StrCat(" ON DUPLICATE KEY UPDATE ", name, "=", name);
  }
  return absl::StrCat(" ON DUPLICATE KEY UPDATE ",
                      absl::StrJoin(set, ",", [&](std::string* out, uint16_t i) {
                        const std::string name = QuoteMySqlIdentifier(schema.column(i).name);
                        absl::StrAppend(out, name, "=VALUES(", name, ")");
                      }));
}

// Wide types, because the next row may hold more than the first. A key is limited to 3072 bytes,
// hence the lengths there. An instant is a DATETIME in UTC, because TIMESTAMP ends in 2038.
std::string_view ColumnTypeText(const NewColumn& column) {
  switch (column.type) {
    case ColumnType::kBool:
      return "BOOLEAN";
    case ColumnType::kInt64:
      return "BIGINT";
    case ColumnType::kUint64:
      return "BIGINT UNSIGNED";
    case ColumnType::kFloat32:
    case ColumnType::kFloat64:
      return "DOUBLE";
    case ColumnType::kDecimal:
      return "DECIMAL(65,30)";
    case ColumnType::kText:
    case ColumnType::kEnum:
    case ColumnType::kArray:
      return column.in_key ? "VARCHAR(255)" : "LONGTEXT";
    case ColumnType::kBytes:
      return column.in_key ? "VARBINARY(255)" : "LONGBLOB";
    case ColumnType::kDate:
      return "DATE";
    case ColumnType::kTime:
      return "TIME(6)";
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return "DATETIME(6)";
    case ColumnType::kUuid:
      return "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin";
    case ColumnType::kJson:
      return "JSON";
  }
  return "LONGTEXT";
}

}  // namespace

std::string QuoteMySqlIdentifier(std::string_view name) {
  return absl::StrCat("`", absl::StrReplaceAll(AsAbsl(name), {{"`", "``"}}), "`");
}

std::string QuoteMySqlTable(const TableName& name) {
  if (name.schema.empty()) return QuoteMySqlIdentifier(name.name);
  return absl::StrCat(QuoteMySqlIdentifier(name.schema), ".", QuoteMySqlIdentifier(name.name));
}

absl::Status CheckMySqlIdentifier(std::string_view name) {
  if (name.empty()) return absl::FailedPreconditionError("a MySQL name may not be empty");
  if (name.find('\0') != std::string_view::npos) {
    return absl::FailedPreconditionError("a MySQL name may not hold a NUL");
  }
  if (CountCodePoints(name) > kIdentifierCharsMax) {
    return absl::FailedPreconditionError("a MySQL name may not be longer than 64 characters");
  }
  return absl::OkStatus();
}

absl::Status CheckMySqlTable(const TableName& name) {
  if (!name.schema.empty()) {
    if (absl::Status status = CheckMySqlIdentifier(name.schema); !status.ok()) return status;
  }
  return CheckMySqlIdentifier(name.name);
}

std::string MySqlInsert::Text(size_t rows) const {
  std::string text;
  text.reserve(head.size() + rows * (row.size() + 1) + tail.size());
  text += head;
  for (size_t i = 0; i < rows; ++i) {
    if (i > 0) text += ',';
    text += row;
  }
  text += tail;
  return text;
}

MySqlInsert MakeMySqlInsert(const TableSchema& schema, absl::Span<const uint16_t> columns,
                            bool has_long_text) {
  const std::string names = absl::StrJoin(columns, ",", [&](std::string* out, uint16_t i) {
    absl::StrAppend(out, QuoteMySqlIdentifier(schema.column(i).name));
  });
  const std::string marks = absl::StrJoin(columns, ",", [&](std::string* out, uint16_t i) {
    const bool is_long = has_long_text && IsTextual(schema.column(i));
    absl::StrAppend(out, is_long ? "CONVERT(? USING utf8mb4)" : "?");
  });
  return {absl::StrCat("INSERT INTO ", QuoteMySqlTable(schema.name()), " (", names, ") VALUES "),
          absl::StrCat("(", marks, ")"), ConflictTail(schema, columns)};
}

absl::StatusOr<std::string> MakeMySqlCreateTable(const TableName& name,
                                                 absl::Span<const NewColumn> columns) {
  if (absl::Status status = CheckMySqlTable(name); !status.ok()) return status;
  if (columns.empty()) return absl::FailedPreconditionError("a table needs a column");
  std::vector<std::string> parts;
  std::vector<std::string> key;
  for (const NewColumn& column : columns) {
    if (absl::Status status = CheckMySqlIdentifier(column.name); !status.ok()) return status;
    const std::string quoted = QuoteMySqlIdentifier(column.name);
    parts.push_back(absl::StrCat(quoted, " ", AsAbsl(ColumnTypeText(column)),
                                 column.in_key ? " NOT NULL" : " NULL"));
    if (column.in_key) key.push_back(quoted);
  }
  if (!key.empty()) parts.push_back(absl::StrCat("PRIMARY KEY (", absl::StrJoin(key, ","), ")"));
  // A binary collation: keys that differ in case or accent are different rows.
  return absl::StrCat("CREATE TABLE IF NOT EXISTS ", QuoteMySqlTable(name), " (",
                      absl::StrJoin(parts, ","),
                      ") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
}

absl::StatusOr<std::string> MakeMySqlAddColumn(const TableName& name, const NewColumn& column) {
  if (absl::Status status = CheckMySqlTable(name); !status.ok()) return status;
  if (absl::Status status = CheckMySqlIdentifier(column.name); !status.ok()) return status;
  return absl::StrCat("ALTER TABLE ", QuoteMySqlTable(name), " ADD COLUMN ",
                      QuoteMySqlIdentifier(column.name), " ", AsAbsl(ColumnTypeText(column)),
                      " NULL");
}

std::string MySqlCellText(const Column& column) {
  std::string name = QuoteMySqlIdentifier(column.name);
  switch (column.type) {
    case ColumnType::kFloat32:
      return absl::StrCat(name, " + 0e0");
    case ColumnType::kDate:
      return absl::StrCat("DATEDIFF(", name, ", '1970-01-01')");
    case ColumnType::kTime:
      return absl::StrCat("TRUNCATE(TIME_TO_SEC(", name, "), 0) * 1000000 + IF(", name,
                          " < 0, -1, 1) * MICROSECOND(", name, ")");
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return absl::StrCat("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ", name, ")");
    default:
      return name;
  }
}

}  // namespace batchsql
