#include "tests/support/rows.h"

#include <stdexcept>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/strings.h"

namespace batchsql {

Column TestColumn(std::string name, ColumnType type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  column.key_is_bytes = true;
  return column;
}

Column NotNull(Column column) {
  column.nullable = false;
  return column;
}

Column WithDefault(Column column) {
  column.has_default = true;
  return column;
}

TableSchema TestTable(std::vector<Column> columns, Conflict conflict,
                      std::vector<std::string> update) {
  columns.insert(columns.begin(), NotNull(TestColumn("id", ColumnType::kInt64)));
  WriteRule rule;
  rule.conflict = conflict;
  rule.update = std::move(update);
  absl::StatusOr<TableSchema> schema =
      TableSchema::Create({"", "t"}, std::move(columns), {0}, {{0}}, std::move(rule));
  if (!schema.ok()) throw std::logic_error(std::string(schema.status().message()));
  return *std::move(schema);
}

TableSchema TestTableAB(Conflict conflict, std::vector<std::string> update) {
  return TestTable({TestColumn("a", ColumnType::kInt64), TestColumn("b", ColumnType::kInt64)},
                   conflict, std::move(update));
}

BuiltRows BuildRows(const TableSchema& schema, const std::vector<TestRow>& rows) {
  RowBlockBuilder builder;
  builder.Start(schema);
  for (const TestRow& row : rows) {
    for (const auto& [name, value] : row) {
      builder.Append(*builder.BindColumn(name, UINT16_MAX), value);
    }
    builder.EndRow();
  }
  return builder.Finish();
}

RowBlock BuildBlock(const TableSchema& schema, const std::vector<TestRow>& rows) {
  BuiltRows built = BuildRows(schema, rows);
  if (!built.rejected.empty()) throw std::logic_error(built.rejected.front().detail);
  return *std::move(built.block);
}

std::string DumpRow(const TableSchema& schema, const RowBlock& block, uint32_t row) {
  std::vector<std::string> cells;
  for (uint32_t i = 0; i < block.column_count(); ++i) {
    const ColumnView view = block.column(i);
    const Column& column = schema.column(view.schema_index());
    switch (view.state(row)) {
      case CellState::kAbsent:
        break;
      case CellState::kNull:
        cells.push_back(absl::StrCat(column.name, "=NULL"));
        break;
      case CellState::kValue:
        cells.push_back(
            IsVariable(column.type)
                ? absl::StrCat(column.name, "='", absl::CHexEscape(AsAbsl(view.bytes(row))), "'")
                : absl::StrCat(column.name, "=", view.i64(row)));
    }
  }
  return absl::StrJoin(cells, " ");
}

std::vector<std::string> DumpBlock(const TableSchema& schema, const RowBlock& block) {
  std::vector<std::string> rows;
  for (uint32_t row = 0; row < block.rows(); ++row) rows.push_back(DumpRow(schema, block, row));
  return rows;
}

std::vector<std::string> DumpRejections(const std::vector<RowRejection>& rejected) {
  std::vector<std::string> lines;
  for (const RowRejection& rejection : rejected) {
    lines.push_back(absl::StrCat(rejection.row, " ", rejection.field, " ",
                                 AsAbsl(RejectReasonName(rejection.reason))));
  }
  return lines;
}

}  // namespace batchsql
