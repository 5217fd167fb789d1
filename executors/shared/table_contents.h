#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/executor.h"
#include "executors/shared/own_tables.h"
#include "executors/shared/sql_session.h"

namespace batchsql {

// How a database is asked for a table's rows.
struct ContentsSql {
  std::string table;                 // in the database's quotes
  std::vector<std::string> columns;  // an expression for each of DigestColumns, bytes as they are
};

// Executor::ReadContents, within a snapshot, which the caller ends.
absl::StatusOr<TableContents> ReadTableContents(SqlSession& session,
                                                const OwnTablesDialect& dialect,
                                                const Uuid& pipeline, const TableSchema& schema,
                                                const ContentsSql& sql, bool digest);

}  // namespace batchsql
