#include "executors/postgresql/describe.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"
#include "executors/postgresql/column_types.h"
#include "executors/postgresql/errors.h"
#include "executors/postgresql/statements.h"

namespace batchsql::postgresql {
namespace {

// The kinds of a table are in its partitions too: one of them may be unlogged, or lie elsewhere;
// the last column tells the worst, f or u.
constexpr char kRelationSql[] = R"(
SELECT c.oid, c.relkind, c.relpersistence, pg_catalog.row_security_active(c.oid),
       (SELECT pg_catalog.min(CASE WHEN k.relkind NOT IN ('r', 'p') THEN 'f' ELSE 'u' END)
        FROM pg_catalog.pg_partition_tree(c.oid) p
        JOIN pg_catalog.pg_class k ON k.oid = p.relid
        WHERE k.relkind NOT IN ('r', 'p') OR k.relpersistence <> 'p')
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1))";

// A domain's base type, its modifier, its NOT NULL and its default count as the column's own.
constexpr char kColumnsSql[] = R"(
WITH RECURSIVE peeled (attnum, typid, typmod, needed, defaulted) AS (
  SELECT a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef OR a.attidentity <> ''
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT p.attnum, d.typbasetype, d.typtypmod, p.needed OR d.typnotnull,
         p.defaulted OR d.typdefault IS NOT NULL
  FROM peeled p JOIN pg_catalog.pg_type d ON d.oid = p.typid AND d.typtype = 'd')
SELECT a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), p.needed, p.defaulted,
       a.attgenerated <> '' OR a.attidentity = 'a', COALESCE(l.collisdeterministic, true),
       p.typmod, t.oid, t.typname, t.typtype, e.oid, e.typname, e.typtype
FROM peeled p
JOIN pg_catalog.pg_type t ON t.oid = p.typid AND t.typtype <> 'd'
JOIN pg_catalog.pg_attribute a ON a.attrelid = $1::pg_catalog.oid AND a.attnum = p.attnum
LEFT JOIN pg_catalog.pg_type e
  ON e.oid = t.typelem AND t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
ORDER BY a.attnum)";

constexpr char kLabelsSql[] = R"(
SELECT enumtypid, enumlabel FROM pg_catalog.pg_enum
WHERE enumtypid = ANY ($1::pg_catalog.oid[]) ORDER BY enumtypid, enumsortorder)";

// Only keys that ON CONFLICT can name: valid, immediate, of whole columns and all rows. An index
// may have another collation than its column: the last column tells those that take different texts
// for equal.
constexpr char kKeysSql[] = R"(
SELECT i.indisprimary, i.indkey, i.indnkeyatts,
       (SELECT pg_catalog.string_agg(k.attnum::pg_catalog.text, ' ')
        FROM ROWS FROM (pg_catalog.unnest(i.indkey::pg_catalog.int2[]),
                        pg_catalog.unnest(i.indcollation::pg_catalog.oid[])) AS k (attnum, oid)
        JOIN pg_catalog.pg_collation l ON l.oid = k.oid
        WHERE NOT l.collisdeterministic)
FROM pg_catalog.pg_index i
WHERE i.indrelid = $1::pg_catalog.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC, i.indexrelid)";

template <typename T>
T Number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Reads one table's catalog rows inside one snapshot. Lives for one DescribeTable.
class Describer {
 public:
  Describer(Connection& connection, const TableName& name) : connection_(connection), name_(name) {}

  absl::Status Read(const WriteRule& rule) {
    if (absl::Status status = ReadRelation(); !status.ok()) return status;
    if (weakness_ != TableWeakness::kNone && !rule.at_least_once) {
      return Refuse(absl::StrCat(AsAbsl(TableWeaknessText(weakness_)),
                                 "; delivery: at_least_once accepts that"));
    }
    if (absl::Status status = ReadColumns(); !status.ok()) return status;
    if (absl::Status status = ReadLabels(); !status.ok()) return status;
    return ReadKeys();
  }

  absl::StatusOr<TableSchema> Build(const WriteRule& rule) && {
    return TableSchema::Create(name_, std::move(columns_), std::move(primary_key_),
                               std::move(unique_keys_), rule, weakness_);
  }

 private:
  absl::Status Query(const char* sql, const std::string& parameter, Result* result) {
    DatabaseError error = connection_.Query(sql, {parameter}, result);
    return error.ok() ? absl::OkStatus()
                      : ToStatus(error, absl::StrCat("describing ", name_.ToString()));
  }

  absl::Status Refuse(std::string_view why) const {
    return absl::FailedPreconditionError(absl::StrCat(name_.ToString(), ": ", AsAbsl(why)));
  }

  absl::Status ReadRelation() {
    Result result;
    if (absl::Status status = Query(kRelationSql, Quote(name_), &result); !status.ok())
      return status;
    if (RowCount(result) == 0)
      return absl::NotFoundError(absl::StrCat("no table ", name_.ToString()));
    oid_ = std::string(CellText(result, 0, 0));
    const std::string_view kind = CellText(result, 0, 1);
    const std::string_view persistence = CellText(result, 0, 2);
    if (kind != "r" && kind != "p" && kind != "f" && kind != "v") return Refuse("is not a table");
    if (persistence == "t") return Refuse("a temporary table is another session's");
    if (CellText(result, 0, 3) == "t")
      return Refuse("row-level security is on for this role: COPY is not possible");
    weakness_ = Weakness(kind, persistence, CellText(result, 0, 4));
    return absl::OkStatus();
  }

  static TableWeakness Weakness(std::string_view kind, std::string_view persistence,
                                std::string_view worst_partition) {
    if (kind == "v") return TableWeakness::kView;
    if (kind == "f" || worst_partition == "f") return TableWeakness::kForeign;
    if (persistence == "u" || worst_partition == "u") return TableWeakness::kUnlogged;
    return TableWeakness::kNone;
  }

  absl::Status ReadColumns() {
    Result result;
    if (absl::Status status = Query(kColumnsSql, oid_, &result); !status.ok()) return status;
    for (int row = 0; row < RowCount(result); ++row) {
      index_of_[Number<int>(CellText(result, row, 0))] = static_cast<uint16_t>(columns_.size());
      if (absl::Status status = AddColumn(result, row); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status AddColumn(const Result& result, int row) {
    Column column;
    column.name = std::string(CellText(result, row, 1));
    column.native_type = std::string(CellText(result, row, 2));
    column.nullable = CellText(result, row, 3) != "t";
    column.has_default = CellText(result, row, 4) == "t";
    column.generated = CellText(result, row, 5) == "t";
    column.native_modifier = Number<int32_t>(CellText(result, row, 7));
    column.native_id = Number<uint32_t>(CellText(result, row, 8));
    const bool array = !CellText(result, row, 11).empty();
    const int at = array ? 11 : 8;
    NativeType type;
    type.oid = Number<uint32_t>(CellText(result, row, at));
    type.name = std::string(CellText(result, row, at + 1));
    type.is_enum = CellText(result, row, at + 2) == "e";
    type.modifier = column.native_modifier;
    type.deterministic_collation = CellText(result, row, 6) == "t";
    // Nobody writes a generated column, so its type may be any.
    if (!DescribeType(type, array, &column) && !column.generated) {
      return Refuse(absl::StrCat("column ", column.name, " of type ", column.native_type,
                                 " cannot be written"));
    }
    if (type.is_enum) enum_columns_[type.oid].push_back(columns_.size());
    columns_.push_back(std::move(column));
    return absl::OkStatus();
  }

  absl::Status ReadLabels() {
    if (enum_columns_.empty()) return absl::OkStatus();
    const std::string oids = absl::StrCat("{",
                                          absl::StrJoin(enum_columns_, ",",
                                                        [](std::string* out, const auto& entry) {
                                                          absl::StrAppend(out, entry.first);
                                                        }),
                                          "}");
    Result result;
    if (absl::Status status = Query(kLabelsSql, oids, &result); !status.ok()) return status;
    for (int row = 0; row < RowCount(result); ++row) {
      for (const size_t index : enum_columns_[Number<uint32_t>(CellText(result, row, 0))]) {
        columns_[index].labels.emplace_back(CellText(result, row, 1));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadKeys() {
    Result result;
    if (absl::Status status = Query(kKeysSql, oid_, &result); !status.ok()) return status;
    std::set<std::set<uint16_t>> seen;  // two indexes over the same columns are one key
    for (int row = 0; row < RowCount(result); ++row) {
      for (const uint16_t index : ColumnsAt(CellText(result, row, 3))) {
        columns_[index].key_is_bytes = false;
      }
      std::vector<uint16_t> key = ColumnsAt(CellText(result, row, 1));
      key.resize(std::min(key.size(), Number<size_t>(CellText(result, row, 2))));
      if (!seen.insert(std::set<uint16_t>(key.begin(), key.end())).second) continue;
      if (CellText(result, row, 0) == "t") primary_key_ = key;
      unique_keys_.push_back(std::move(key));
    }
    return absl::OkStatus();
  }

  std::vector<uint16_t> ColumnsAt(std::string_view attnums) const {
    std::vector<uint16_t> columns;
    for (const absl::string_view attnum : absl::StrSplit(AsAbsl(attnums), ' ', absl::SkipEmpty())) {
      columns.push_back(index_of_.at(Number<int>(AsStd(attnum))));
    }
    return columns;
  }

  Connection& connection_;
  const TableName& name_;
  std::string oid_;
  TableWeakness weakness_ = TableWeakness::kNone;
  std::vector<Column> columns_;
  absl::flat_hash_map<int, uint16_t> index_of_;           // attnum → index
  std::map<uint32_t, std::vector<size_t>> enum_columns_;  // enum's OID → indexes
  std::vector<uint16_t> primary_key_;
  std::vector<std::vector<uint16_t>> unique_keys_;
};

}  // namespace

absl::StatusOr<bool> TableExists(Connection& connection, const TableName& name) {
  Result result;
  DatabaseError error =
      connection.Query("SELECT pg_catalog.to_regclass($1) IS NOT NULL", {Quote(name)}, &result);
  if (!error.ok()) return ToStatus(error, absl::StrCat("looking for ", name.ToString()));
  return CellText(result, 0, 0) == "t";
}

absl::StatusOr<bool> OwnTableExists(Connection& connection, std::string_view name) {
  Result result;
  const std::string text(name);
  DatabaseError error = connection.Query(
      "SELECT relkind = 'r' AND relpersistence = 'p' FROM pg_catalog.pg_class "
      "WHERE oid = pg_catalog.to_regclass($1)",
      {text}, &result);
  if (!error.ok()) return ToStatus(error, absl::StrCat("looking for ", text));
  if (RowCount(result) == 0) return false;
  if (CellText(result, 0, 0) == "t") return true;
  return absl::FailedPreconditionError(
      absl::StrCat(text, " must be a permanent, logged, plain table"));
}

absl::StatusOr<TableSchema> DescribeTable(Connection& connection, const TableName& name,
                                          const WriteRule& rule) {
  Describer describer(connection, name);
  if (absl::Status status = describer.Read(rule); !status.ok()) return status;
  return std::move(describer).Build(rule);
}

}  // namespace batchsql::postgresql
