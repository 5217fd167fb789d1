#include "executors/sqlite/insert_sql.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "executors/sqlite/connection.h"

namespace batchsql::sqlite {
namespace {

bool Contains(absl::Span<const uint16_t> columns, size_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

std::string Names(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  return absl::StrJoin(columns, ", ", [&](std::string* out, uint16_t column) {
    out->append(Quote(schema.column(column).name));
  });
}

// Columns that a conflict sets. `excluded` holds the defaults of those that were not sent, so
// replace sets all; but not the primary key that was not sent: child rows refer to it.
std::vector<std::string> Assignments(const TableSchema& schema,
                                     absl::Span<const uint16_t> columns) {
  std::vector<std::string> assignments;
  for (size_t i = 0; i < schema.columns().size(); ++i) {
    if (schema.column(i).generated || Contains(schema.conflict_key(), i)) continue;
    const bool sent = Contains(columns, i);
    const bool set = schema.conflict() == Conflict::kReplace
                         ? sent || !Contains(schema.primary_key(), i)
                         : sent && schema.IsUpdateColumn(i);
    if (!set) continue;
    const std::string name = Quote(schema.column(i).name);
    assignments.push_back(absl::StrCat(name, " = excluded.", name));
  }
  return assignments;
}

std::string ConflictClause(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  if (schema.conflict() == Conflict::kInsert) return "";
  const std::string target =
      absl::StrCat(" ON CONFLICT (", Names(schema, schema.conflict_key()), ") DO ");
  if (schema.conflict() == Conflict::kIgnore) return absl::StrCat(target, "NOTHING");
  const std::vector<std::string> assignments = Assignments(schema, columns);
  if (assignments.empty()) return absl::StrCat(target, "NOTHING");
  return absl::StrCat(target, "UPDATE SET ", absl::StrJoin(assignments, ", "));
}

// A row of defaults. `DEFAULT VALUES` takes no conflict clause, so a column whose default is NULL
// is named where there is one.
std::string DefaultsSql(const TableSchema& schema, const std::string& into) {
  const auto& columns = schema.columns();
  const auto null_column = std::find_if(columns.begin(), columns.end(), [](const Column& column) {
    return column.nullable && !column.has_default && !column.generated;
  });
  if (null_column == columns.end()) return absl::StrCat(into, " DEFAULT VALUES");
  const auto index = static_cast<uint16_t>(null_column - columns.begin());
  return absl::StrCat(into, " (", Quote(null_column->name), ") VALUES (NULL)",
                      ConflictClause(schema, {&index, 1}));
}

}  // namespace

std::string InsertSql(const TableSchema& schema, absl::Span<const uint16_t> columns,
                      uint32_t rows) {
  // OR ABORT: overrides ON CONFLICT clauses of the table itself, which may end the transaction or
  // drop rows in silence.
  const std::string into = absl::StrCat("INSERT OR ABORT INTO main.", Quote(schema.name().name));
  if (columns.empty()) return DefaultsSql(schema, into);
  const std::string row =
      absl::StrCat("(", absl::StrJoin(std::vector<std::string>(columns.size(), "?"), ","), ")");
  return absl::StrCat(into, " (", Names(schema, columns), ") VALUES ",
                      absl::StrJoin(std::vector<std::string>(rows, row), ","),
                      ConflictClause(schema, columns));
}

}  // namespace batchsql::sqlite
