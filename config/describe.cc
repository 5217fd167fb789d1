#include "config/describe.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/dsn.h"
#include "core/strings.h"

namespace batchsql {
namespace {

// Bytes in the largest unit that divides them.
std::string Bytes(uint64_t bytes) {
  if (bytes % kGiB == 0) return absl::StrCat(bytes / kGiB, " GiB");
  if (bytes % kMiB == 0) return absl::StrCat(bytes / kMiB, " MiB");
  if (bytes % kKiB == 0) return absl::StrCat(bytes / kKiB, " KiB");
  return absl::StrCat(bytes, " bytes");
}

std::string_view Product(TargetKind kind) {
  switch (kind) {
    case TargetKind::kPostgresql:
      return "PostgreSQL";
    case TargetKind::kMysql:
      return "MySQL or MariaDB";
    case TargetKind::kSqlite:
      return "SQLite";
  }
  return "";
}

std::string DescribeTarget(const TargetOptions& target) {
  return absl::StrCat("  ", target.name, ": ", AsAbsl(Product(target.kind)), ", ",
                      MaskDsn(target.kind, target.dsn), ", at most ", target.connections_max,
                      target.connections_max == 1 ? " connection\n" : " connections\n");
}

std::string Key(const WriteRule& rule) {
  return rule.key.empty() ? "the primary key"
                          : absl::StrCat("(", absl::StrJoin(rule.key, ", "), ")");
}

std::string DescribeRule(const WriteRule& rule) {
  std::string text;
  switch (rule.conflict) {
    case Conflict::kInsert:
      return "rows are inserted; one that exists already is an error";
    case Conflict::kIgnore:
      text = absl::StrCat("rows are inserted; one whose ", Key(rule), " exists is ignored");
      break;
    case Conflict::kUpdate:
      text = absl::StrCat(
          "rows are inserted; one whose ", Key(rule), " exists updates ",
          rule.update.empty() ? "the columns that were sent" : absl::StrJoin(rule.update, ", "));
      break;
    case Conflict::kReplace:
      text = absl::StrCat("rows are inserted; one whose ", Key(rule), " exists replaces it");
      break;
  }
  if (rule.any_unique_key) text += "; so does a conflict with any other unique key";
  return text;
}

std::string DescribeMissing(const TableOptions& table) {
  std::string text = "a missing table is an error";
  if (table.create == CreateTables::kMissing) {
    text = "a missing table is made from its first rows";
    if (!table.rule.key.empty()) absl::StrAppend(&text, " with the primary key ", Key(table.rule));
  }
  return absl::StrCat(text, "; ",
                      table.evolve == EvolveTables::kNever ? "an unknown column is an error"
                                                           : "unknown columns are added");
}

std::string DescribeTable(const TableOptions& table, const Options& options) {
  const BatchOptions& batch = table.batch;
  std::string text = table.name == kAnyTable
                         ? absl::StrCat("  every ", options.tables.size() > 1 ? "other " : "",
                                        "table, in ", table.target, ":\n")
                         : absl::StrCat("  ", table.name, ", in ", table.target, ":\n");
  if (const std::string label = TableLabel(table, options); label != table.name) {
    absl::StrAppend(&text, "    clients must call it ", label, "\n");
  }
  absl::StrAppend(&text, "    ", DescribeRule(table.rule), "\n");
  absl::StrAppend(&text, "    ", DescribeMissing(table), "\n");
  absl::StrAppend(&text, "    ",
                  table.journal == JournalKind::kDisk
                      ? "rows are journaled before they are acknowledged\n"
                      : "no journal: rows are acknowledged when they are in the table\n");
  if (table.rule.at_least_once) {
    text += "    a table that cannot be written exactly once is written at least once\n";
  }
  if (table.producers == ProducersKind::kTarget) {
    absl::StrAppend(&text, "    producers' positions are kept in the database, with their rows\n");
  }
  if (table.exclusive) {
    absl::StrAppend(&text, "    nobody else writes to it: an audit compares the rows' contents\n");
  }
  const char* const up_to = batch.tuned ? "up to " : "";
  absl::StrAppend(&text, "    a batch closes at ", up_to, batch.rows_max, " rows, ",
                  Bytes(batch.bytes_max), " or ", up_to, batch.linger_ms, " ms\n");
  return text;
}

std::string DescribeLimits(const LimitOptions& limits) {
  return absl::StrCat("limits: ", Bytes(limits.memory_bytes_max),
                      " of rows in memory; a request has ", limits.request_rows_max, " rows, ",
                      Bytes(limits.request_bytes_max), " and ", limits.columns_max,
                      " columns; a row ", Bytes(limits.row_bytes_max), "; JSON nests ",
                      limits.json_depth_max, " levels; ", limits.tables_max, " tables; ",
                      Bytes(limits.journal_bytes_max), " of journals, ",
                      Bytes(limits.letters_bytes_max), " of dead letters\n");
}

std::string DescribeMonitoring(const Options& options) {
  const MonitoringOptions& monitoring = options.monitoring;
  const std::string& prefix = options.environment.metrics_prefix;
  return absl::StrCat("metrics: test_name=", monitoring.test_name,
                      monitoring.environment.empty() ? "" : " env=", monitoring.environment,
                      prefix.empty() ? "" : "; names begin with ", prefix, "\n");
}

// Nothing where the file knows no environments.
std::string DescribeEnvironment(const Options& options) {
  if (options.environments.empty()) return "";
  std::vector<std::string> others;
  for (const EnvironmentOptions& other : options.environments) {
    if (other.name != options.environment.name) others.push_back(other.name);
  }
  const EnvironmentOptions& selected = options.environment;
  std::string text = absl::StrCat(
      "environment: ", selected.name.empty() ? "none" : selected.name,
      others.empty() ? "" : absl::StrCat(" (not ", absl::StrJoin(others, ", "), ")"), "\n");
  if (!selected.grafana_url.empty())
    absl::StrAppend(&text, "  Grafana: ", selected.grafana_url, "\n");
  if (!selected.alertmanager_url.empty()) {
    const std::string& instance = selected.metrics_instance;
    absl::StrAppend(&text, "  Alertmanager: ", selected.alertmanager_url,
                    instance.empty() ? "" : "; told as instance=", instance, "\n");
  }
  return text;
}

}  // namespace

std::string Describe(const Options& options) {
  std::string text = DescribeEnvironment(options);
  absl::StrAppend(&text, "data directory: ", options.data_dir,
                  "\ngRPC: ", options.grpc.listen.ToString(),
                  "\nHTTP: ", options.http.listen.ToString(), "\ntargets:\n");
  for (const TargetOptions& target : options.targets) text += DescribeTarget(target);
  text += "tables:\n";
  for (const TableOptions& table : options.tables) text += DescribeTable(table, options);
  text += DescribeLimits(options.limits);
  text += DescribeMonitoring(options);
  absl::StrAppend(&text, "shutdown: flushes for at most ", options.shutdown.grace_ms,
                  " ms\nlog: ", AsAbsl(LogLevelName(options.log.level)), "\n");
  for (const std::string& warning : options.warnings) {
    absl::StrAppend(&text, "warning: ", warning, "\n");
  }
  return text;
}

}  // namespace batchsql
