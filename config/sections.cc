#include "config/sections.h"

#include <algorithm>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "config/listen.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr uint64_t kHourMs = 3'600'000;
// Rows of a batch where its size is not found by the daemon, and not set.
constexpr uint32_t kFixedBatchRows = 10'000;

// `port` counts more than what is read.
void ReadListen(Reader& root, const std::string& section, std::optional<uint16_t> port,
                ListenAddress* listen, std::vector<std::string>* warnings) {
  Reader reader = root.Section(section);
  std::string text;
  if (reader.Read("listen", &text)) {
    absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (address.ok()) {
      *listen = *std::move(address);
    } else {
      reader.Fail("listen", std::string(address.status().message()));
    }
  }
  reader.RefuseOthers();
  listen->port = port.value_or(listen->port);
  if (!listen->IsLoopback()) {
    warnings->push_back(absl::StrCat(section, ".listen: ", listen->ToString(),
                                     " can be reached from other machines, and there is no TLS and "
                                     "no authentication yet"));
  }
}

void ReadServers(Reader& root, Options* options) {
  ReadListen(root, "grpc", std::nullopt, &options->grpc.listen, &options->warnings);
  ReadListen(root, "http", options->environment.metrics_port, &options->http.listen,
             &options->warnings);
  if (options->grpc.listen.port != 0 && options->grpc.listen == options->http.listen) {
    root.Fail("http", "listens where grpc listens: expected another port");
  }
}

void ReadMonitoring(Reader& root, const EnvironmentOptions& environment,
                    MonitoringOptions* monitoring) {
  Reader reader = root.Section("monitoring");
  ReadLabel(reader, "test_name", &monitoring->test_name);
  if (monitoring->test_name.empty()) reader.Fail("test_name", "is empty: expected text");
  ReadLabel(reader, "environment", &monitoring->environment);
  if (monitoring->environment.empty()) monitoring->environment = environment.name;
  reader.RefuseOthers();
}

// Bytes that may not be more than `bound`; the default gives way to it.
void ReadBounded(Reader& reader, const std::string& key, uint64_t* value,
                 const std::string& bound_key, uint64_t bound) {
  if (!reader.ReadInteger(key, value, {kKiB, kGiB, "bytes"})) {
    *value = std::min(*value, bound);
  } else if (*value > bound) {
    reader.Fail(key, absl::StrCat("expected at most ", bound_key, ", which is ", bound, " bytes"));
  }
}

void ReadLimits(Reader& root, LimitOptions* limits) {
  Reader reader = root.Section("limits");
  reader.ReadInteger("memory_bytes_max", &limits->memory_bytes_max, {kMiB, 1024 * kGiB, "bytes"});
  ReadBounded(reader, "request_bytes_max", &limits->request_bytes_max, "limits.memory_bytes_max",
              limits->memory_bytes_max);
  ReadBounded(reader, "row_bytes_max", &limits->row_bytes_max, "limits.request_bytes_max",
              limits->request_bytes_max);
  reader.ReadInteger("request_rows_max", &limits->request_rows_max, {1, 10'000'000, "rows"});
  reader.ReadInteger("columns_max", &limits->columns_max, {1, 32'767, "columns"});
  reader.ReadInteger("tables_max", &limits->tables_max, {1, 100'000, "tables"});
  reader.ReadInteger("json_depth_max", &limits->json_depth_max, {1, 1024, "levels"});
  reader.ReadInteger("journal_bytes_max", &limits->journal_bytes_max,
                     {16 * kMiB, 1024 * 1024 * kGiB, "bytes"});
  ReadBounded(reader, "journal_segment_bytes", &limits->journal_segment_bytes,
              "limits.journal_bytes_max", limits->journal_bytes_max);
  reader.ReadInteger("letters_bytes_max", &limits->letters_bytes_max,
                     {kMiB, 1024 * 1024 * kGiB, "bytes"});
  reader.ReadInteger("journal_grace_ms", &limits->journal_grace_ms,
                     {0, 24 * kHourMs, "milliseconds"});
  reader.ReadInteger("producer_memory_ms", &limits->producer_memory_ms,
                     {0, 10 * 365 * 24 * kHourMs, "milliseconds"});
  reader.RefuseOthers();
}

void ReadShutdown(Reader& root, ShutdownOptions* shutdown) {
  Reader reader = root.Section("shutdown");
  reader.ReadInteger("grace_ms", &shutdown->grace_ms, {0, kHourMs, "milliseconds"});
  reader.RefuseOthers();
}

void ReadLog(Reader& root, LogOptions* log) {
  Reader reader = root.Section("log");
  reader.ReadChoice<LogLevel>("level", &log->level,
                              {{"debug", LogLevel::kDebug},
                               {"info", LogLevel::kInfo},
                               {"warning", LogLevel::kWarning},
                               {"error", LogLevel::kError}});
  reader.RefuseOthers();
}

void ReadBatch(Reader& table, const LimitOptions& limits, BatchOptions* batch) {
  Reader reader = table.Section("batch");
  const bool is_sized = reader.ReadInteger("rows_max", &batch->rows_max, {1, 1'000'000, "rows"});
  ReadBounded(reader, "bytes_max", &batch->bytes_max, "limits.memory_bytes_max",
              limits.memory_bytes_max);
  const bool is_timed =
      reader.ReadInteger("linger_ms", &batch->linger_ms, {0, kHourMs, "milliseconds"});
  reader.RefuseOthers();
  // Who sets a size or a time wants that one.
  batch->tuned = !is_sized && !is_timed;
  table.ReadChoice<bool>("batching", &batch->tuned, {{"auto", true}, {"fixed", false}});
  if (!batch->tuned && !is_sized) batch->rows_max = kFixedBatchRows;
}

void ReadColumns(Reader& reader, const std::string& key, std::vector<std::string>* columns) {
  if (!reader.Read(key, columns)) return;
  for (const std::string& column : *columns) {
    if (column.empty() || column.size() > 255) {
      reader.Fail(key, "expected column names of 1 to 255 bytes");
      return;
    }
  }
}

// What no table can satisfy; the rest is found out when the table is opened.
void CheckRule(Reader& reader, const TableOptions& table) {
  const WriteRule& rule = table.rule;
  const bool insert = rule.conflict == Conflict::kInsert;
  if (insert && rule.any_unique_key) {
    reader.Fail("any_unique_key", "has no effect with conflict: insert");
  }
  if (insert && !rule.key.empty() && table.create == CreateTables::kNever) {
    reader.Fail("key", "has no effect with conflict: insert and create: never");
  }
  if (!insert && rule.key.empty() && table.create == CreateTables::kMissing) {
    reader.Fail("key", absl::StrCat("is missing: conflict: ", AsAbsl(ConflictName(rule.conflict)),
                                    " and create: missing need the new table's primary key"));
  }
  if (rule.conflict != Conflict::kUpdate && !rule.update.empty()) {
    reader.Fail("update", "has no effect without conflict: update");
  }
  if (absl::c_any_of(rule.update, [&](const std::string& column) {
        return absl::c_linear_search(rule.key, column);
      })) {
    reader.Fail("update", "names a column of the key: expected other columns");
  }
}

// Without a journal there is only the target to keep them in.
void ReadProducers(Reader& reader, TableOptions* table) {
  const bool journaled = table->journal == JournalKind::kDisk;
  if (!journaled) table->producers = ProducersKind::kTarget;
  reader.ReadChoice<ProducersKind>(
      "producers", &table->producers,
      {{"journal", ProducersKind::kJournal}, {"target", ProducersKind::kTarget}});
  if (!journaled && table->producers == ProducersKind::kJournal) {
    reader.Fail("producers", "is journal, and there is none with journal: none: expected target");
  }
}

void ReadRule(Reader& reader, WriteRule* rule) {
  reader.ReadChoice<Conflict>("conflict", &rule->conflict,
                              {{"insert", Conflict::kInsert},
                               {"ignore", Conflict::kIgnore},
                               {"update", Conflict::kUpdate},
                               {"replace", Conflict::kReplace}});
  ReadColumns(reader, "key", &rule->key);
  ReadColumns(reader, "update", &rule->update);
  reader.Read("any_unique_key", &rule->any_unique_key);
  reader.ReadChoice<bool>("delivery", &rule->at_least_once,
                          {{"exactly_once", false}, {"at_least_once", true}});
}

}  // namespace

void ReadLabel(Reader& reader, const std::string& key, std::string* label) {
  if (!reader.ReadOrEmpty(key, label)) return;
  if (label->size() > 128 || absl::c_any_of(*label, [](char c) {
        return absl::ascii_iscntrl(static_cast<unsigned char>(c));
      })) {
    reader.Fail(key, "expected at most 128 bytes without control characters: it becomes a label");
  }
}

void ReadTable(Reader& reader, const LimitOptions& limits, TableOptions* table) {
  ReadRule(reader, &table->rule);
  reader.ReadChoice<CreateTables>(
      "create", &table->create,
      {{"never", CreateTables::kNever}, {"missing", CreateTables::kMissing}});
  reader.ReadChoice<EvolveTables>(
      "evolve", &table->evolve,
      {{"never", EvolveTables::kNever}, {"add_columns", EvolveTables::kAddColumns}});
  reader.ReadChoice<JournalKind>("journal", &table->journal,
                                 {{"disk", JournalKind::kDisk}, {"none", JournalKind::kNone}});
  ReadProducers(reader, table);
  reader.Read("exclusive", &table->exclusive);
  if (table->exclusive && table->rule.conflict != Conflict::kInsert) {
    reader.Fail("exclusive", "is only for tables with conflict: insert");
  }
  ReadBatch(reader, limits, &table->batch);
  CheckRule(reader, *table);
}

Options ReadOptions(Reader& root, const std::string& environment) {
  Options options;
  root.Read("data_dir", &options.data_dir);
  root.Read("instance", &options.instance);
  ReadEnvironments(root, environment, &options);
  ReadServers(root, &options);
  ReadLimits(root, &options.limits);
  ReadTargets(root, &options);
  ReadTables(root, &options);
  ReadMonitoring(root, options.environment, &options.monitoring);
  ReadShutdown(root, &options.shutdown);
  ReadLog(root, &options.log);
  root.RefuseOthers();
  return options;
}

DaemonPlace ReadPlace(Reader& root, const std::string& environment) {
  Options options;
  ReadEnvironments(root, environment, &options);
  ReadServers(root, &options);
  for (const char* key :
       {"data_dir", "instance", "limits", "log", "monitoring", "shutdown", "tables", "targets"}) {
    root.Ignore(key);
  }
  root.RefuseOthers();
  return {options.grpc.listen, options.http.listen, options.environment};
}

}  // namespace batchsql
