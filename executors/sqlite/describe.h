#pragma once

#include "absl/status/statusor.h"
#include "core/table_schema.h"
#include "executors/sqlite/connection.h"

namespace batchsql::sqlite {

// Reads a table's columns and keys; errors as Executor::Describe. The caller has a transaction
// open, so that all is of one moment.
absl::StatusOr<TableSchema> DescribeTable(Connection& connection, const TableName& name,
                                          const WriteRule& rule);

// NOT_FOUND, or FAILED_PRECONDITION for a view, a virtual or a shadow table.
absl::Status CheckTableKind(Connection& connection, const TableName& name);

// Names of the table's columns, none when there is no such table.
DatabaseError ReadColumnNames(Connection& connection, const TableName& name,
                              std::vector<std::string>* names);

// OK when tables may be in this schema: only the main one is written to.
absl::Status CheckSchemaName(const TableName& name);

}  // namespace batchsql::sqlite
