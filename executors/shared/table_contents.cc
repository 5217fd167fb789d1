#include "executors/shared/table_contents.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/strings.h"

namespace batchsql {
namespace {

DatabaseError CountRows(SqlSession& session, const ContentsSql& sql, TableContents* contents) {
  return session.QueryEach(
      absl::StrCat("SELECT COUNT(*) FROM ", sql.table), [contents](const TextRow& row) {
        static_cast<void>(absl::SimpleAtoi(row.at(0).value_or(""), &contents->rows));
      });
}

// SQLite shows NULL as empty bytes.
std::string SelectRows(const OwnTablesDialect& dialect, const TableSchema& schema,
                       const std::vector<uint16_t>& columns, const ContentsSql& sql) {
  std::vector<std::string> cells;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool bytes = schema.column(columns[i]).type == ColumnType::kBytes;
    const std::string& cell = sql.columns[i];
    cells.push_back(bytes ? absl::StrCat("CASE WHEN ", cell, " IS NOT NULL THEN ",
                                         AsAbsl(dialect.hex_before), cell,
                                         AsAbsl(dialect.hex_after), " END")
                          : cell);
  }
  if (cells.empty()) cells.emplace_back("1");  // the rows are counted all the same
  return absl::StrCat("SELECT ", absl::StrJoin(cells, ", "), " FROM ", sql.table);
}

DatabaseError DigestRows(SqlSession& session, const OwnTablesDialect& dialect,
                         const TableSchema& schema, const ContentsSql& sql,
                         TableContents* contents) {
  const std::vector<uint16_t> columns = DigestColumns(schema);
  RowDigester digester(schema);
  TextRow row;
  std::vector<const std::string*> cells(columns.size());
  return session.QueryEach(SelectRows(dialect, schema, columns, sql), [&](const TextRow& read) {
    row = read;
    for (size_t i = 0; i < columns.size(); ++i) {
      std::optional<std::string>& cell = row[i];
      const bool bytes = schema.column(columns[i]).type == ColumnType::kBytes;
      if (bytes && cell.has_value()) cell->insert(0, "\\x");
      cells[i] = cell.has_value() ? &*cell : nullptr;
    }
    contents->digest += digester.OfTexts(cells);
    ++contents->rows;
  });
}

}  // namespace

absl::StatusOr<TableContents> ReadTableContents(SqlSession& session,
                                                const OwnTablesDialect& dialect,
                                                const Uuid& pipeline, const TableSchema& schema,
                                                const ContentsSql& sql, bool digest) {
  TableContents contents;
  absl::StatusOr<std::vector<SlotRow>> slots = ReadSlotRows(session, dialect, pipeline);
  if (!slots.ok()) return slots.status();
  contents.slots = *std::move(slots);
  const DatabaseError error = digest ? DigestRows(session, dialect, schema, sql, &contents)
                                     : CountRows(session, sql, &contents);
  if (!error.ok()) return StatusOfError(error, "reading the table");
  return contents;
}

}  // namespace batchsql
