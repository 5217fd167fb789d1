#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/executor.h"
#include "core/names.h"
#include "core/table_schema.h"

namespace batchsql::postgresql {

// PostgreSQL cuts longer identifiers silently.
inline constexpr size_t kIdentifierBytesMax = 63;

// FAILED_PRECONDITION for an empty name, a NUL, or more than kIdentifierBytesMax bytes.
absl::Status CheckIdentifier(std::string_view name);
absl::Status CheckTableName(const TableName& name);

// The identifier or table name as it stands in SQL. The name must have been checked.
std::string Quote(std::string_view name);
std::string Quote(const TableName& name);

// BEGIN, the settings of the transaction, and the statement that pins the columns' types until its
// end: an ALTER TYPE must wait. (ONLY: a partition's types are its parent's, and a table of many
// partitions need not lock them all.)
std::string BeginFlush(const TableSchema& schema, absl::Span<const uint16_t> columns,
                       int64_t statement_timeout_ms);

std::string CopyIntoTable(const TableSchema& schema, absl::Span<const uint16_t> columns);

// For rows that carry no column at all.
std::string InsertDefaults(const TableSchema& schema, uint64_t rows);

// The staging table of a group: the columns' types, no constraint, and the rows' order.
std::string CreateStage(const TableSchema& schema, absl::Span<const uint16_t> columns,
                        std::string_view stage);
std::string TruncateStage(std::string_view stage);
std::string CopyIntoStage(const TableSchema& schema, absl::Span<const uint16_t> columns,
                          std::string_view stage);
std::string InsertFromStage(const TableSchema& schema, absl::Span<const uint16_t> columns,
                            std::string_view stage);

std::string CreateTableStatement(const TableName& name, absl::Span<const NewColumn> columns);
std::string AddColumnsStatement(const TableName& name, absl::Span<const NewColumn> columns);

}  // namespace batchsql::postgresql
