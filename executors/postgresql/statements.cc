#include "executors/postgresql/statements.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/strings.h"

namespace batchsql::postgresql {
namespace {

std::string ColumnList(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  return absl::StrJoin(columns, ", ", [&](std::string* out, uint16_t index) {
    out->append(Quote(schema.column(index).name));
  });
}

// A name that no column of the table has.
std::string OrdinalColumn(const TableSchema& schema) {
  std::string name = "batchsql_ordinal";
  while (schema.FindColumn(name) >= 0) name.push_back('_');
  return Quote(name);
}

// Longer than any pause of ours between two statements; a stopped process must not hold its slot
// for ever.
constexpr int64_t kIdleTimeoutMs = 60'000;

std::string Microseconds(std::string_view time) {
  return absl::StrCat("(extract(epoch FROM ", AsAbsl(time), ") * 1000000)::pg_catalog.int8");
}

std::string StageName(std::string_view stage) { return absl::StrCat("pg_temp.", Quote(stage)); }

bool Contains(absl::Span<const uint16_t> columns, uint16_t index) {
  return std::find(columns.begin(), columns.end(), index) != columns.end();
}

// The columns that a row in the table takes over from a new one with the same key. Under kReplace
// those that were not sent, too, but not the primary key: child rows refer to it.
std::vector<uint16_t> ColumnsSetOnConflict(const TableSchema& schema,
                                           absl::Span<const uint16_t> sent) {
  std::vector<uint16_t> set;
  if (schema.conflict() == Conflict::kIgnore) return set;
  const auto columns = static_cast<uint16_t>(schema.columns().size());
  for (uint16_t index = 0; index < columns; ++index) {
    if (schema.column(index).generated || Contains(schema.conflict_key(), index)) continue;
    const bool is_sent = Contains(sent, index);
    const bool is_set = schema.conflict() == Conflict::kReplace
                            ? is_sent || !Contains(schema.primary_key(), index)
                            : is_sent && schema.IsUpdateColumn(index);
    if (is_set) set.push_back(index);
  }
  return set;
}

// EXCLUDED is the row as the INSERT would have stored it: a column that was not sent has its
// default there, evaluated once. SET c = DEFAULT would evaluate it again.
std::string OnConflict(const TableSchema& schema, absl::Span<const uint16_t> sent) {
  std::string sql =
      absl::StrCat(" ON CONFLICT (", ColumnList(schema, schema.conflict_key()), ") DO ");
  const std::vector<uint16_t> set = ColumnsSetOnConflict(schema, sent);
  if (set.empty()) return sql + "NOTHING";
  absl::StrAppend(&sql, "UPDATE SET ",
                  absl::StrJoin(set, ", ", [&](std::string* out, uint16_t index) {
                    const std::string name = Quote(schema.column(index).name);
                    absl::StrAppend(out, name, " = EXCLUDED.", name);
                  }));
  return sql;
}

std::string OnConflictUnlessInsert(const TableSchema& schema, absl::Span<const uint16_t> sent) {
  return schema.conflict() == Conflict::kInsert ? "" : OnConflict(schema, sent);
}

std::string_view NewColumnType(ColumnType type) {
  switch (type) {
    case ColumnType::kBool:
      return "BOOLEAN";
    case ColumnType::kInt64:
      return "BIGINT";
    case ColumnType::kUint64:
      return "NUMERIC(20,0)";
    case ColumnType::kFloat32:
      return "REAL";
    case ColumnType::kFloat64:
      return "DOUBLE PRECISION";
    case ColumnType::kDecimal:
      return "NUMERIC";
    case ColumnType::kBytes:
      return "BYTEA";
    case ColumnType::kDate:
      return "DATE";
    case ColumnType::kTime:
      return "TIME";
    case ColumnType::kTimestamp:
      return "TIMESTAMP";
    case ColumnType::kTimestampTz:
      return "TIMESTAMPTZ";
    case ColumnType::kUuid:
      return "UUID";
    case ColumnType::kJson:
      return "JSONB";
    case ColumnType::kText:
    case ColumnType::kEnum:
    case ColumnType::kArray:
      return "TEXT";
  }
  return "TEXT";
}

}  // namespace

absl::Status CheckIdentifier(std::string_view name) {
  if (name.empty()) return absl::FailedPreconditionError("an empty name");
  if (name.find('\0') != std::string_view::npos) {
    return absl::FailedPreconditionError("a name with a NUL in it");
  }
  if (name.size() > kIdentifierBytesMax) {
    return absl::FailedPreconditionError(absl::StrCat("PostgreSQL would cut a name of more than ",
                                                      kIdentifierBytesMax,
                                                      " bytes: ", AsAbsl(name)));
  }
  return absl::OkStatus();
}

absl::Status CheckTableName(const TableName& name) {
  if (!name.schema.empty()) {
    if (absl::Status status = CheckIdentifier(name.schema); !status.ok()) return status;
  }
  return CheckIdentifier(name.name);
}

std::string Quote(std::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(AsAbsl(name), {{"\"", "\"\""}}), "\"");
}

std::string Quote(const TableName& name) {
  return name.schema.empty() ? Quote(name.name)
                             : absl::StrCat(Quote(name.schema), ".", Quote(name.name));
}

std::string BeginTransaction(int64_t statement_timeout_ms) {
  return absl::StrCat("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; ",
                      "SET LOCAL statement_timeout = ", statement_timeout_ms,
                      "; SET LOCAL idle_in_transaction_session_timeout = ", kIdleTimeoutMs);
}

std::string PinTypes(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  return absl::StrCat("SELECT ", ColumnList(schema, columns), " FROM ONLY ", Quote(schema.name()),
                      " LIMIT 0");
}

std::string TransactionColumns() {
  return absl::StrCat("pg_catalog.pg_backend_pid(), ", Microseconds("pg_catalog.now()"));
}

// Never another transaction: a pooler may have given the process to somebody else. Nor a COMMIT
// under way, where standbys are waited for: its end would be that of the wait, not of the
// transaction, which then stands as committed though no standby has it. Also before the wait has
// begun: the server keeps the order to end until then.
std::string TerminateTransaction(std::string_view process, std::string_view start) {
  return absl::StrCat(
      "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity ",
      "WHERE pid = ", AsAbsl(process), " AND ", Microseconds("xact_start"), " = ", AsAbsl(start),
      " AND (state LIKE 'idle in transaction%' OR ",
      "pg_catalog.current_setting('synchronous_standby_names') = '')");
}

// Few rows to a page, with room to be updated in place (HOT): they change with every flush.
std::string_view CreateWatermarkTable() {
  return "CREATE TABLE IF NOT EXISTS batchsql_watermark ("
         "pipeline bytea NOT NULL CHECK (octet_length(pipeline) = 16), slot integer NOT NULL, "
         "epoch bigint NOT NULL, token bytea NOT NULL CHECK (octet_length(token) = 16), "
         "range_from bigint NOT NULL, range_to bigint NOT NULL, frontier bigint NOT NULL, "
         "attempt bigint NOT NULL, lsns bigint NOT NULL, committed_rows bigint NOT NULL, "
         "coalesced_rows bigint NOT NULL, refused_rows bigint NOT NULL, "
         "digested_rows bigint NOT NULL, digest bytea NOT NULL CHECK (octet_length(digest) = 16), "
         "updated_at timestamptz NOT NULL, "
         "PRIMARY KEY (pipeline, slot)) WITH (fillfactor = 20)";
}

std::string_view CreateProducersTable() {
  return "CREATE TABLE IF NOT EXISTS batchsql_producers ("
         "table_name text COLLATE \"C\" NOT NULL, producer text COLLATE \"C\" NOT NULL, "
         "last_sequence bigint NOT NULL, updated_at timestamptz NOT NULL, "
         "PRIMARY KEY (table_name, producer)) WITH (fillfactor = 50)";
}

std::string_view CreateLettersTable() {
  return "CREATE TABLE IF NOT EXISTS batchsql_dead_letters ("
         "pipeline bytea NOT NULL CHECK (octet_length(pipeline) = 16), id bigint NOT NULL, "
         "table_name text COLLATE \"C\" NOT NULL, state text COLLATE \"C\" NOT NULL, "
         "time_ms bigint NOT NULL, reason text COLLATE \"C\" NOT NULL, "
         "column_name text COLLATE \"C\" NOT NULL, code text COLLATE \"C\" NOT NULL, "
         "bytes bigint NOT NULL, letter text COLLATE \"C\" NOT NULL, "
         "PRIMARY KEY (pipeline, id))";
}

std::string BeginSnapshot(int64_t statement_timeout_ms) {
  return absl::StrCat("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ",
                      "statement_timeout = ", statement_timeout_ms,
                      "; SET LOCAL extra_float_digits = 1");
}

// An infinite date or time has no number.
std::string CellAsText(const Column& column) {
  std::string name = Quote(column.name);
  switch (column.type) {
    case ColumnType::kDate:
      return absl::StrCat("CASE WHEN isfinite(", name, ") THEN (", name,
                          " - DATE '1970-01-01')::text ELSE ", name, "::text END");
    case ColumnType::kTime:
      return absl::StrCat("trunc(extract(epoch FROM ", name, ") * 1000000)::text");
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return absl::StrCat("CASE WHEN isfinite(", name, ") THEN trunc(extract(epoch FROM ", name,
                          ") * 1000000)::text ELSE ", name, "::text END");
    default:
      return name;
  }
}

std::string CopyIntoTable(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  return absl::StrCat("COPY ", Quote(schema.name()), " (", ColumnList(schema, columns),
                      ") FROM STDIN (FORMAT binary)");
}

std::string InsertDefaults(const TableSchema& schema, uint64_t rows) {
  return absl::StrCat("INSERT INTO ", Quote(schema.name()), " SELECT FROM generate_series(1, ",
                      rows, ")", OnConflictUnlessInsert(schema, {}));
}

std::string CreateStage(const TableSchema& schema, absl::Span<const uint16_t> columns,
                        std::string_view stage) {
  return absl::StrCat("CREATE TEMP TABLE ", Quote(stage), " ON COMMIT DROP AS SELECT 0::bigint AS ",
                      OrdinalColumn(schema), ", ", ColumnList(schema, columns), " FROM ONLY ",
                      Quote(schema.name()), " LIMIT 0");
}

std::string TruncateStage(std::string_view stage) {
  return absl::StrCat("TRUNCATE ", StageName(stage));
}

std::string CopyIntoStage(const TableSchema& schema, absl::Span<const uint16_t> columns,
                          std::string_view stage) {
  return absl::StrCat("COPY ", StageName(stage), " (", OrdinalColumn(schema), ", ",
                      ColumnList(schema, columns), ") FROM STDIN (FORMAT binary)");
}

std::string InsertFromStage(const TableSchema& schema, absl::Span<const uint16_t> columns,
                            std::string_view stage) {
  const std::string list = ColumnList(schema, columns);
  return absl::StrCat("INSERT INTO ", Quote(schema.name()), " (", list, ") SELECT ", list, " FROM ",
                      StageName(stage), " ORDER BY ", OrdinalColumn(schema),
                      OnConflictUnlessInsert(schema, columns));
}

// Nothing is cast by name: an assignment checks lengths and precisions as COPY does.
std::string InsertFromArrays(const TableSchema& schema, absl::Span<const uint16_t> columns) {
  std::vector<std::string> arrays;
  std::vector<std::string> values;
  for (size_t i = 1; i <= columns.size(); ++i) {
    arrays.push_back(absl::StrCat("pg_catalog.unnest($", i, ")"));
    values.push_back(absl::StrCat("v", i));
  }
  const std::string list = absl::StrJoin(values, ", ");
  return absl::StrCat("INSERT INTO ", Quote(schema.name()), " (", ColumnList(schema, columns),
                      ") SELECT ", list, " FROM ROWS FROM (", absl::StrJoin(arrays, ", "),
                      ") WITH ORDINALITY AS sent (", list, ", ordinal) ORDER BY ordinal",
                      OnConflictUnlessInsert(schema, columns));
}

std::string CreateTableStatement(const TableName& name, absl::Span<const NewColumn> columns) {
  std::vector<std::string> parts;
  std::vector<std::string> key;
  for (const NewColumn& column : columns) {
    parts.push_back(absl::StrCat(Quote(column.name), " ", AsAbsl(NewColumnType(column.type)),
                                 column.in_key ? " NOT NULL" : ""));
    if (column.in_key) key.push_back(Quote(column.name));
  }
  if (!key.empty()) parts.push_back(absl::StrCat("PRIMARY KEY (", absl::StrJoin(key, ", "), ")"));
  return absl::StrCat("CREATE TABLE IF NOT EXISTS ", Quote(name), " (", absl::StrJoin(parts, ", "),
                      ")");
}

std::string AddColumnsStatement(const TableName& name, absl::Span<const NewColumn> columns) {
  return absl::StrCat("ALTER TABLE ", Quote(name), " ",
                      absl::StrJoin(columns, ", ", [](std::string* out, const NewColumn& column) {
                        absl::StrAppend(out, "ADD COLUMN IF NOT EXISTS ", Quote(column.name), " ",
                                        AsAbsl(NewColumnType(column.type)));
                      }));
}

}  // namespace batchsql::postgresql
