#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/executor.h"
#include "core/table_schema.h"

namespace batchsql {

// The SQL that the MySQL executor sends: one dialect for MySQL 5.7 and later and MariaDB.

// In backticks. The name must have passed CheckMySqlIdentifier or come from the server.
std::string QuoteMySqlIdentifier(std::string_view name);
std::string QuoteMySqlTable(const TableName& name);

// FAILED_PRECONDITION for a name that no MySQL object can have: empty, longer than 64 characters,
// or with a NUL.
absl::Status CheckMySqlIdentifier(std::string_view name);
absl::Status CheckMySqlTable(const TableName& name);

// A multi-row INSERT in pieces.
struct MySqlInsert {
  std::string head;  // INSERT INTO … VALUES
  std::string row;   // (?,?)
  std::string tail;  // the conflict rule, or nothing

  std::string Text(size_t rows) const;
};

// Inserts `columns` (schema indexes) by the schema's conflict rule. `has_long_text`: some cell is
// so long that the connector sends it apart and loses its character set, so text is declared UTF-8.
MySqlInsert MakeMySqlInsert(const TableSchema& schema, absl::Span<const uint16_t> columns,
                            bool has_long_text);

// An expression for the column's value as text that a client could send: whole numbers for days and
// microseconds, and all digits of a float.
std::string MySqlCellText(const Column& column);

// CREATE TABLE IF NOT EXISTS. FAILED_PRECONDITION for a bad name or no column.
absl::StatusOr<std::string> MakeMySqlCreateTable(const TableName& name,
                                                 absl::Span<const NewColumn> columns);
// ALTER TABLE … ADD COLUMN for one column, nullable.
absl::StatusOr<std::string> MakeMySqlAddColumn(const TableName& name, const NewColumn& column);

}  // namespace batchsql
