#pragma once

#include <string>

#include "absl/types/span.h"
#include "core/table_schema.h"

namespace batchsql::sqlite {

// INSERT of `rows` rows that carry `columns` (schema indexes), by the schema's conflict rule, with
// one `?` a cell, row after row. Without columns: one row of defaults, and `rows` must be 1.
std::string InsertSql(const TableSchema& schema, absl::Span<const uint16_t> columns, uint32_t rows);

}  // namespace batchsql::sqlite
