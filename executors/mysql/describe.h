#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "core/executor.h"
#include "core/names.h"
#include "core/table_schema.h"
#include "executors/mysql/connection.h"

namespace batchsql {

// Reads the table from information_schema. Errors as Executor::Describe; those of the database,
// which may have ended the connection, are also told in `error`.
absl::StatusOr<TableSchema> DescribeMySqlTable(MySqlConnection& connection, const TableName& name,
                                               const WriteRule& rule, DatabaseError* error);

// The table's definition as the server writes it, without what rows change in it. Cheaper than
// DescribeMySqlTable by far.
DatabaseError ReadMySqlTableForm(MySqlConnection& connection, const TableName& name,
                                 std::string* form);

// As Describe of the table: NOT_FOUND, or FAILED_PRECONDITION unless it is an InnoDB table.
absl::Status CheckMySqlTableKind(MySqlConnection& connection, const TableName& name,
                                 DatabaseError* error);

// Names of the table's columns; NOT_FOUND when there is no such table.
absl::StatusOr<std::set<std::string>> ListMySqlColumns(MySqlConnection& connection,
                                                       const TableName& name, DatabaseError* error);

}  // namespace batchsql
