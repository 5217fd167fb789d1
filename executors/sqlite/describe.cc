#include "executors/sqlite/describe.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "executors/sqlite/declared_type.h"
#include "executors/sqlite/errors.h"

namespace batchsql::sqlite {
namespace {

using Rows = std::vector<TextRow>;

struct TableFacts {
  std::vector<Column> columns;
  std::vector<std::pair<int, uint16_t>> key_columns;  // place in the primary key, column
  std::vector<uint16_t> primary_key;
  std::vector<std::vector<uint16_t>> unique_keys;
};

// Reads one table; each step adds to facts_.
class Describer {
 public:
  Describer(Connection& connection, const TableName& name) : connection_(connection), name_(name) {}

  absl::StatusOr<TableFacts> Read() {
    if (absl::Status status = CheckKind(); !status.ok()) return status;
    if (absl::Status status = ReadColumns(); !status.ok()) return status;
    if (absl::Status status = ReadIndexes(); !status.ok()) return status;
    AddRowidKey();
    return std::move(facts_);
  }

  // NOT_FOUND, or FAILED_PRECONDITION for what is not a plain table.
  absl::Status CheckKind() {
    Rows rows;
    const std::string_view parameters[] = {name_.name};
    absl::Status status = Query(
        "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE",
        parameters, &rows);
    if (!status.ok()) return status;
    if (rows.empty()) return absl::NotFoundError(absl::StrCat("no table ", name_.ToString()));
    if (rows[0][0] != "table" || absl::StartsWithIgnoreCase(name_.name, "sqlite_")) {
      return absl::FailedPreconditionError(absl::StrCat(
          name_.ToString(), " is a ", rows[0][0].value_or("?"), "; only plain tables are written"));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                     Rows* rows) {
    return ToStatus(connection_.Query(sql, parameters, rows));
  }

  absl::Status ReadColumns() {
    Rows rows;
    const std::string_view parameters[] = {name_.name};
    absl::Status status = Query(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden "
        "FROM pragma_table_xinfo(?, 'main') ORDER BY cid",
        parameters, &rows);
    if (!status.ok()) return status;
    for (const TextRow& row : rows) {
      if (status = AddColumn(row); !status.ok()) return status;
    }
    std::sort(facts_.key_columns.begin(), facts_.key_columns.end());
    for (const auto& [place, column] : facts_.key_columns) facts_.primary_key.push_back(column);
    return absl::OkStatus();
  }

  absl::Status AddColumn(const TextRow& row) {
    Column column;
    column.name = row[0].value_or("");
    if (absl::Status status = ApplyDeclaredType(row[1].value_or(""), &column); !status.ok()) {
      return status;
    }
    column.nullable = row[2] == "0";
    column.has_default = row[3].has_value() && !absl::EqualsIgnoreCase(*row[3], "NULL");
    column.generated = row[5] == "2" || row[5] == "3";
    if (IsVariable(column.type)) column.bytes_max = connection_.bytes_max();
    if (row[4] != "0") {
      facts_.key_columns.emplace_back(std::stoi(row[4].value_or("0")),
                                      static_cast<uint16_t>(facts_.columns.size()));
    }
    facts_.columns.push_back(std::move(column));
    return absl::OkStatus();
  }

  absl::Status ReadIndexes() {
    Rows rows;
    const std::string_view parameters[] = {name_.name};
    absl::Status status = Query(
        "SELECT name, origin FROM pragma_index_list(?, 'main') "
        "WHERE \"unique\" = 1 AND partial = 0 ORDER BY seq DESC",
        parameters, &rows);
    if (!status.ok()) return status;
    for (const TextRow& row : rows) {
      if (row[1] == "pk") has_key_index_ = true;
      if (status = ReadIndex(row[0].value_or("")); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadIndex(const std::string& index) {
    Rows rows;
    const std::string_view parameters[] = {index};
    absl::Status status =
        Query("SELECT cid, coll FROM pragma_index_xinfo(?, 'main') WHERE key = 1 ORDER BY seqno",
              parameters, &rows);
    if (!status.ok()) return status;
    std::vector<uint16_t> columns;
    for (const TextRow& row : rows) {
      const int column = std::stoi(row[0].value_or("-1"));
      // An expression cannot be named as a conflict's key; violating it is a row's fault.
      if (column < 0) return absl::OkStatus();
      columns.push_back(static_cast<uint16_t>(column));
      if (row[1] != "BINARY") facts_.columns[columns.back()].key_is_bytes = false;
    }
    facts_.unique_keys.push_back(std::move(columns));
    return absl::OkStatus();
  }

  // A primary key without an index is the rowid: NULL means the next number, so it is not taken.
  void AddRowidKey() {
    if (facts_.primary_key.empty() || has_key_index_) return;
    Column& rowid = facts_.columns[facts_.primary_key.front()];
    rowid.nullable = false;
    rowid.has_default = true;
    facts_.unique_keys.insert(facts_.unique_keys.begin(), facts_.primary_key);
  }

  Connection& connection_;
  const TableName& name_;
  TableFacts facts_;
  bool has_key_index_ = false;
};

}  // namespace

absl::Status CheckSchemaName(const TableName& name) {
  if (name.schema.empty() || absl::EqualsIgnoreCase(name.schema, "main")) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("no table ", name.ToString(), ": SQLite's only schema is main"));
}

absl::StatusOr<TableSchema> DescribeTable(Connection& connection, const TableName& name,
                                          const WriteRule& rule) {
  if (absl::Status status = CheckSchemaName(name); !status.ok()) return status;
  absl::StatusOr<TableFacts> facts = Describer(connection, name).Read();
  if (!facts.ok()) return facts.status();
  return TableSchema::Create(name, std::move(facts->columns), std::move(facts->primary_key),
                             std::move(facts->unique_keys), rule);
}

absl::Status CheckTableKind(Connection& connection, const TableName& name) {
  return Describer(connection, name).CheckKind();
}

DatabaseError ReadColumnNames(Connection& connection, const TableName& name,
                              std::vector<std::string>* names) {
  Rows rows;
  const std::string_view parameters[] = {name.name};
  DatabaseError error =
      connection.Query("SELECT name FROM pragma_table_xinfo(?, 'main')", parameters, &rows);
  for (const TextRow& row : rows) names->push_back(row[0].value_or(""));
  return error;
}

}  // namespace batchsql::sqlite
