#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/executor.h"
#include "core/names.h"
#include "core/table_schema.h"
#include "executors/shared/own_tables.h"

namespace batchsql::postgresql {

// PostgreSQL cuts longer identifiers silently.
inline constexpr size_t kIdentifierBytesMax = 63;

// FAILED_PRECONDITION for an empty name, a NUL, or more than kIdentifierBytesMax bytes.
absl::Status CheckIdentifier(std::string_view name);
absl::Status CheckTableName(const TableName& name);

// The identifier or table name as it stands in SQL. The name must have been checked.
std::string Quote(std::string_view name);
std::string Quote(const TableName& name);

// BEGIN and the settings of the transaction. A session that stands still in it is ended by the
// server: it holds its slot.
std::string BeginTransaction(int64_t statement_timeout_ms);

// Pins the columns' types until the transaction's end: an ALTER TYPE must wait. (ONLY: a
// partition's types are its parent's, and a table of many partitions need not lock them all.)
std::string PinTypes(const TableSchema& schema, absl::Span<const uint16_t> columns);

// Two columns that together name the transaction: its server process and its start.
std::string TransactionColumns();
// Ends that transaction's session, if it is still there and cannot be waiting for a standby.
std::string TerminateTransaction(std::string_view process, std::string_view start);

inline constexpr OwnTablesDialect kOwnTables = {.bytes_before = "pg_catalog.decode('",
                                                .bytes_after = "', 'hex')",
                                                .hex_before = "pg_catalog.encode(",
                                                .hex_after = ", 'hex')",
                                                .lock = " FOR UPDATE",
                                                .parameter = "$",
                                                .parameter_type = "::pg_catalog.text",
                                                .update_from = true,
                                                .insert_new_after = " ON CONFLICT DO NOTHING"};
std::string_view CreateWatermarkTable();
std::string_view CreateProducersTable();
std::string_view CreateLettersTable();

// A transaction that sees one state of the database, and shows floats with all their digits.
std::string BeginSnapshot(int64_t statement_timeout_ms);
// An expression for the column's value as text that a client could send: whole numbers for days and
// microseconds.
std::string CellAsText(const Column& column);

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

// For rows whose columns are the parameters, as one array each; also in order.
std::string InsertFromArrays(const TableSchema& schema, absl::Span<const uint16_t> columns);

std::string CreateTableStatement(const TableName& name, absl::Span<const NewColumn> columns);
std::string AddColumnsStatement(const TableName& name, absl::Span<const NewColumn> columns);

}  // namespace batchsql::postgresql
