#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/row_block.h"
#include "core/row_block_builder.h"
#include "core/table_schema.h"
#include "core/value.h"

namespace batchsql {

// One row as a client sends it; columns that are not named are absent.
using TestRow = std::vector<std::pair<std::string, Value>>;

// A nullable column without limits. Key columns of test tables compare by bytes.
Column TestColumn(std::string name, ColumnType type);
Column NotNull(Column column);
Column WithDefault(Column column);

// `id` int64 NOT NULL as the key, compared by bytes, and `columns` behind it.
TableSchema TestTable(std::vector<Column> columns, Conflict conflict = Conflict::kInsert,
                      std::vector<std::string> update = {});
// `id`, and nullable int64 `a` and `b`.
TableSchema TestTableAB(Conflict conflict = Conflict::kInsert,
                        std::vector<std::string> update = {});

BuiltRows BuildRows(const TableSchema& schema, const std::vector<TestRow>& rows);
// As BuildRows; throws unless every row passes.
RowBlock BuildBlock(const TableSchema& schema, const std::vector<TestRow>& rows);

// A row as text: "id=1 a=NULL", the columns by index, absent ones left out. Bytes are quoted.
std::string DumpRow(const TableSchema& schema, const RowBlock& block, uint32_t row);
std::vector<std::string> DumpBlock(const TableSchema& schema, const RowBlock& block);
// "row field reason" of each.
std::vector<std::string> DumpRejections(const std::vector<RowRejection>& rejected);

}  // namespace batchsql
