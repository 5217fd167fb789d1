#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/names.h"
#include "core/table_schema.h"
#include "executors/postgresql/connection.h"

namespace batchsql::postgresql {

// Whether the table exists; an unqualified name is looked up in the search_path.
absl::StatusOr<bool> TableExists(Connection& connection, const TableName& name);

// Whether a table of the product's own exists. FAILED_PRECONDITION: something of its name does that
// could lose rows.
absl::StatusOr<bool> OwnTableExists(Connection& connection, std::string_view name);

// Executor::Describe on an open connection that is in no transaction.
absl::StatusOr<TableSchema> DescribeTable(Connection& connection, const TableName& name,
                                          const WriteRule& rule);

}  // namespace batchsql::postgresql
