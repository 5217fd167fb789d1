#include "executors/mysql/describe.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/strings.h"
#include "executors/mysql/column_types.h"
#include "executors/mysql/errors.h"
#include "executors/mysql/sql_text.h"

namespace batchsql {
namespace {

// An empty schema name means the connection's database.
constexpr char kWhichTable[] =
    " WHERE TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND TABLE_NAME = ?";
constexpr char kTable[] = "SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES";
constexpr char kColumns[] =
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, "
    "CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, "
    "DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS";
constexpr char kColumnOrder[] = " ORDER BY ORDINAL_POSITION";
constexpr char kUniqueIndexes[] =
    "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS";
constexpr char kUniqueOrder[] = " AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX";
// MariaDB only: its JSON is text with this check.
constexpr char kJsonChecks[] =
    "SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
    " WHERE CONSTRAINT_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND TABLE_NAME = ?";

std::optional<uint64_t> Number(const std::optional<std::string>& text) {
  uint64_t number = 0;
  if (!text || !absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

// The next number of an AUTO_INCREMENT column stands behind the columns, among the table's options.
std::string WithoutCounter(std::string definition) {
  constexpr std::string_view kCounter = " AUTO_INCREMENT=";
  const size_t options = definition.rfind("\n)");
  const size_t begin = definition.find(kCounter, options == std::string::npos ? 0 : options);
  if (begin == std::string::npos) return definition;
  const size_t end = definition.find_first_not_of("0123456789", begin + kCounter.size());
  return definition.erase(begin, end == std::string::npos ? end : end - begin);
}

struct UniqueIndex {
  std::string name;
  std::vector<uint16_t> columns;
  bool whole = true;  // of whole columns, not of prefixes or expressions
};

// Reads one table; lives for one call.
class Describer {
 public:
  Describer(MySqlConnection& connection, const TableName& name, DatabaseError* error)
      : connection_(connection), name_(name), error_(*error) {}

  absl::StatusOr<TableSchema> Describe(const WriteRule& rule) {
    if (absl::Status status = CheckTable(rule.at_least_once); !status.ok()) return status;
    absl::StatusOr<std::vector<Column>> columns = ReadColumns();
    if (!columns.ok()) return columns.status();
    absl::StatusOr<std::vector<UniqueIndex>> indexes = ReadUniqueIndexes(*columns);
    if (!indexes.ok()) return indexes.status();
    if (absl::Status status = CheckPartialIndexes(*indexes, rule, *columns); !status.ok()) {
      return status;
    }
    return MakeSchema(*std::move(columns), *indexes, rule);
  }

  absl::StatusOr<std::set<std::string>> ListColumns() {
    if (absl::StatusOr<MySqlRow> table = ReadTable(); !table.ok()) return table.status();
    absl::StatusOr<std::vector<MySqlRow>> rows = Query(absl::StrCat(kColumns, kWhichTable));
    if (!rows.ok()) return rows.status();
    std::set<std::string> names;
    for (const MySqlRow& row : *rows) names.insert(row[0].value_or(""));
    return names;
  }

  // Only InnoDB can take a flush back whole; what lies behind a view is not looked at.
  absl::Status CheckTable(bool at_least_once) {
    absl::StatusOr<MySqlRow> table = ReadTable();
    if (!table.ok()) return table.status();
    const std::string type = (*table)[0].value_or("");
    const std::string engine = (*table)[1].value_or("");
    const bool is_table = type == "BASE TABLE";
    if (is_table && engine == "InnoDB") return absl::OkStatus();
    const std::string kind = is_table ? "has engine " + engine : "is a " + type;
    if (!is_table && type != "VIEW") return Refuse(kind);
    if (!at_least_once) {
      return Refuse(absl::StrCat(kind, ": ", AsAbsl(TableWeaknessText(TableWeakness::kNoRollback)),
                                 "; delivery: at_least_once accepts that"));
    }
    weakness_ = TableWeakness::kNoRollback;
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::vector<MySqlRow>> Query(const std::string& sql) {
    const std::string_view parameters[] = {name_.schema, name_.name};
    std::vector<MySqlRow> rows;
    error_ = connection_.Query(sql, parameters, &rows);
    if (!error_.ok()) return MySqlStatus(error_);
    return rows;
  }

  absl::Status Refuse(absl::string_view why) const {
    return absl::FailedPreconditionError(absl::StrCat("table ", name_.ToString(), " ", why));
  }

  absl::StatusOr<MySqlRow> ReadTable() {
    absl::StatusOr<std::vector<MySqlRow>> rows = Query(absl::StrCat(kTable, kWhichTable));
    if (!rows.ok()) return rows.status();
    if (rows->empty()) {
      return absl::NotFoundError(absl::StrCat("no table ", name_.ToString()));
    }
    return std::move(rows->front());
  }

  absl::StatusOr<absl::flat_hash_set<std::string>> ReadJsonChecks() {
    absl::flat_hash_set<std::string> names;
    if (!connection_.server().is_mariadb) return names;
    absl::StatusOr<std::vector<MySqlRow>> rows = Query(kJsonChecks);
    if (!rows.ok()) return rows.status();
    for (const MySqlRow& row : *rows) {
      const std::string column = row[0].value_or("");
      const std::string json_valid = absl::StrCat("json_valid(", QuoteMySqlIdentifier(column), ")");
      if (row[1].value_or("") == json_valid) names.insert(column);
    }
    return names;
  }

  static MySqlColumnFacts Facts(const MySqlRow& row) {
    MySqlColumnFacts facts;
    facts.name = row[0].value_or("");
    facts.data_type = row[1].value_or("");
    facts.column_type = row[2].value_or("");
    facts.nullable = row[3].value_or("") == "YES";
    facts.default_value = row[4];
    facts.extra = row[5].value_or("");
    facts.chars_max = Number(row[6]);
    facts.octets_max = Number(row[7]);
    facts.numeric_precision = Number(row[8]);
    facts.numeric_scale = Number(row[9]);
    facts.datetime_precision = Number(row[10]);
    facts.charset = row[11].value_or("");
    facts.collation = row[12].value_or("");
    return facts;
  }

  absl::StatusOr<std::vector<Column>> ReadColumns() {
    absl::StatusOr<absl::flat_hash_set<std::string>> json = ReadJsonChecks();
    if (!json.ok()) return json.status();
    absl::StatusOr<std::vector<MySqlRow>> rows =
        Query(absl::StrCat(kColumns, kWhichTable, kColumnOrder));
    if (!rows.ok()) return rows.status();
    std::vector<Column> columns;
    for (const MySqlRow& row : *rows) {
      MySqlColumnFacts facts = Facts(row);
      facts.checks_json = facts.data_type == "longtext" && json->contains(facts.name);
      absl::StatusOr<Column> column = MySqlColumn(facts);
      if (!column.ok()) return Refuse(column.status().message());
      columns.push_back(*std::move(column));
    }
    return columns;
  }

  absl::StatusOr<std::vector<UniqueIndex>> ReadUniqueIndexes(const std::vector<Column>& columns) {
    absl::StatusOr<std::vector<MySqlRow>> rows =
        Query(absl::StrCat(kUniqueIndexes, kWhichTable, kUniqueOrder));
    if (!rows.ok()) return rows.status();
    std::vector<UniqueIndex> indexes;
    for (const MySqlRow& row : *rows) {
      const std::string name = row[0].value_or("");
      if (indexes.empty() || indexes.back().name != name) indexes.push_back({name, {}, true});
      UniqueIndex& index = indexes.back();
      const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column& c) {
        return row[1] && c.name == *row[1];
      });
      if (row[2] || column == columns.end()) {
        index.whole = false;
      } else {
        index.columns.push_back(static_cast<uint16_t>(column - columns.begin()));
      }
    }
    return indexes;
  }

  // A unique key over prefixes or expressions is met by rows whose columns differ, which no rule
  // can name. Where the setting accepts that, rows must at least not be sorted or merged by their
  // bytes.
  absl::Status CheckPartialIndexes(const std::vector<UniqueIndex>& indexes, const WriteRule& rule,
                                   std::vector<Column>& columns) const {
    if (rule.conflict == Conflict::kInsert) return absl::OkStatus();
    for (const UniqueIndex& index : indexes) {
      if (index.whole) continue;
      if (!rule.any_unique_key) {
        return Refuse(absl::StrCat("has the unique key ", index.name,
                                   " over a prefix or an expression; set any_unique_key: true to "
                                   "accept that a conflict may be with that key"));
      }
      for (Column& column : columns) column.key_is_bytes = false;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<TableSchema> MakeSchema(std::vector<Column> columns,
                                         const std::vector<UniqueIndex>& indexes,
                                         const WriteRule& rule) const {
    std::vector<uint16_t> primary;
    std::vector<std::vector<uint16_t>> unique;
    for (const UniqueIndex& index : indexes) {
      if (!index.whole) continue;
      if (index.name == "PRIMARY") primary = index.columns;
      unique.push_back(index.columns);
    }
    return TableSchema::Create(name_, std::move(columns), std::move(primary), std::move(unique),
                               rule, weakness_);
  }

  MySqlConnection& connection_;
  const TableName& name_;
  DatabaseError& error_;
  TableWeakness weakness_ = TableWeakness::kNone;
};

}  // namespace

absl::StatusOr<TableSchema> DescribeMySqlTable(MySqlConnection& connection, const TableName& name,
                                               const WriteRule& rule, DatabaseError* error) {
  return Describer(connection, name, error).Describe(rule);
}

DatabaseError ReadMySqlTableForm(MySqlConnection& connection, const TableName& name,
                                 std::string* form) {
  std::vector<MySqlRow> rows;
  DatabaseError error =
      connection.Query(absl::StrCat("SHOW CREATE TABLE ", QuoteMySqlTable(name)), {}, &rows);
  if (!error.ok()) return error;
  if (rows.size() != 1 || rows[0].size() < 2) return MySqlError(2027, "no definition of the table");
  *form = WithoutCounter(rows[0][1].value_or(""));
  return {};
}

absl::Status CheckMySqlTableKind(MySqlConnection& connection, const TableName& name,
                                 DatabaseError* error) {
  return Describer(connection, name, error).CheckTable(/*at_least_once=*/false);
}

absl::StatusOr<std::set<std::string>> ListMySqlColumns(MySqlConnection& connection,
                                                       const TableName& name,
                                                       DatabaseError* error) {
  return Describer(connection, name, error).ListColumns();
}

}  // namespace batchsql
