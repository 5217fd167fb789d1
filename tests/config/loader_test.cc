#include "config/loader.h"

#include <catch2/catch.hpp>

#include "tests/config/temp_file.h"
#include "tests/config/test_variables.h"

namespace batchsql {
namespace {

Options Parse(std::string_view text, std::map<std::string, std::string> variables = {}) {
  absl::StatusOr<Options> options =
      ParseText(text, "test.yaml", TestVariables(std::move(variables)));
  INFO(options.status().ToString());
  REQUIRE(options.ok());
  return *std::move(options);
}

TEST_CASE("A file that says nothing means the defaults") {
  for (const std::string text : {"", "# only a comment\n", "---\n", "{}", "\xEF\xBB\xBF", "grpc:\n",
                                 "limits: {}\n", "log: ~"}) {
    CAPTURE(text);
    CHECK(Parse(text) == DefaultOptions());
  }
}

TEST_CASE("The defaults are one SQLite file and a rule for every table") {
  const Options options = DefaultOptions();
  REQUIRE(options.targets.size() == 1);
  CHECK(options.targets[0] ==
        TargetOptions{"sqlite", TargetKind::kSqlite, "./batchsql-data/batchsql.db", 8});
  REQUIRE(options.tables.size() == 1);
  CHECK(options.tables[0].name == "*");
  CHECK(options.tables[0].target == "sqlite");
  CHECK(options.tables[0].rule == WriteRule{});
  CHECK(options.tables[0].create == CreateTables::kMissing);
  CHECK(options.tables[0].evolve == EvolveTables::kAddColumns);
  CHECK(options.grpc.listen.ToString() == "127.0.0.1:50051");
  CHECK(options.http.listen.ToString() == "127.0.0.1:8080");
  CHECK(options.warnings.empty());
}

TEST_CASE("Every key is read") {
  const Options options = Parse(R"(
data_dir: /data
instance: pod-7
grpc: {listen: "[::1]:1"}
http: {listen: "localhost:0"}
targets:
  - {name: a, kind: postgresql, dsn: "host=h dbname=d", connections_max: 3}
  - {name: b, kind: mysql, dsn: "mysql://u:p@h/d"}
tables:
  - name: s.t
    target: b
    conflict: update
    key: [k, l]
    update: [v]
    any_unique_key: true
    delivery: at_least_once
    create: missing
    evolve: add_columns
    journal: none
    batch: {rows_max: 1, bytes_max: 1024, linger_ms: 0}
  - {name: '*', target: a}
monitoring: {test_name: batch_insert, environment: prod}
limits:
  memory_bytes_max: 1048576
  request_bytes_max: 65536
  row_bytes_max: 4096
  request_rows_max: 7
  columns_max: 8
  tables_max: 9
  json_depth_max: 10
  journal_bytes_max: 16777216
  journal_segment_bytes: 1048576
  journal_grace_ms: 11
  letters_bytes_max: 2097152
  producer_memory_ms: 0
shutdown: {grace_ms: 0}
log: {level: warning}
)");
  Options expected;
  expected.data_dir = "/data";
  expected.instance = "pod-7";
  expected.grpc.listen = {"::1", 1};
  expected.http.listen = {"localhost", 0};
  expected.targets = {{"a", TargetKind::kPostgresql, "host=h dbname=d", 3},
                      {"b", TargetKind::kMysql, "mysql://u:p@h/d", 8}};
  expected.tables = {{"s.t",
                      "b",
                      {Conflict::kUpdate, {"k", "l"}, {"v"}, true, true},
                      CreateTables::kMissing,
                      EvolveTables::kAddColumns,
                      JournalKind::kNone,
                      ProducersKind::kTarget,
                      {false, 1, 1024, 0}},
                     {"*",
                      "a",
                      {},
                      CreateTables::kNever,
                      EvolveTables::kNever,
                      JournalKind::kDisk,
                      ProducersKind::kJournal,
                      {true, 100'000, kMiB, 20}}};
  expected.monitoring = {"batch_insert", "prod"};
  expected.limits = {kMiB, 65536, 4096, 7, 8, 9, 10, 16 * kMiB, kMiB, 2 * kMiB, 11, 0};
  expected.shutdown.grace_ms = 0;
  expected.log.level = LogLevel::kWarning;
  CHECK(options == expected);
}

TEST_CASE("The default SQLite file is in the data directory") {
  CHECK(Parse("data_dir: /x").targets[0].dsn == "/x/batchsql.db");
}

TEST_CASE("A target is named after its kind, and a table goes to the only target") {
  const Options options = Parse(R"(
targets: [{kind: postgresql, dsn: "postgresql://h/d"}]
tables: [{name: t}]
)");
  CHECK(options.targets[0].name == "postgresql");
  CHECK(options.tables[0].target == "postgresql");
}

TEST_CASE("Tables alone go to the default target") {
  const Options options = Parse("tables: [{name: t, create: missing}]");
  CHECK(options.targets == DefaultOptions().targets);
  REQUIRE(options.tables.size() == 1);
  CHECK(options.tables[0].target == "sqlite");
}

TEST_CASE("One name in two targets is told apart by the target") {
  const Options options = Parse(R"(
targets:
  - {name: a, kind: sqlite, dsn: a.db}
  - {name: b, kind: sqlite, dsn: b.db}
tables:
  - {name: t, target: a}
  - {name: t, target: b}
  - {name: u, target: b}
)");
  CHECK(TableLabel(options.tables[0], options) == "a/t");
  CHECK(TableLabel(options.tables[1], options) == "b/t");
  CHECK(TableLabel(options.tables[2], options) == "u");
}

TEST_CASE("A default gives way to a lower limit above it") {
  const Options options = Parse("limits: {memory_bytes_max: 2097152}");
  CHECK(options.limits.request_bytes_max == 2 * kMiB);
  CHECK(options.limits.row_bytes_max == 2 * kMiB);
  CHECK(options.tables[0].batch.bytes_max == 2 * kMiB);
  CHECK(Parse("limits: {request_bytes_max: 1024}").limits.row_bytes_max == 1024);
}

TEST_CASE("Texts are expanded, and what is put in is no YAML") {
  const TempFile secret("p: [a, {b} # \"$x\n");
  const Options options = Parse(
      "data_dir: ${DIR}/$$x\n"
      "log: {level: '${LEVEL}'}\n"
      "targets:\n"
      "  - {name: '${NAME}', kind: postgresql, dsn: \"host=h password='${file:" +
          secret.path() +
          "}'\"}\n"
          "tables: [{name: t, key: ['${KEY}'], create: missing}]\n",
      {{"DIR", "/data"}, {"LEVEL", "debug"}, {"NAME", "main"}, {"KEY", "[id, {}"}});
  CHECK(options.data_dir == "/data/$x");
  CHECK(options.log.level == LogLevel::kDebug);
  CHECK(options.targets[0].name == "main");
  CHECK(options.targets[0].dsn == "host=h password='p: [a, {b} # \"$x'");
  CHECK(options.tables[0].rule.key == std::vector<std::string>{"[id, {}"});
}

TEST_CASE("A password may hold anything that its quotes allow") {
  const Options options = Parse(
      "targets: [{kind: postgresql, dsn: \"host=h password='${PASSWORD}'\"}]\ntables: [{name: t}]",
      {{"PASSWORD", "a: [b] #c $${x}\n\"d"}});
  CHECK(options.targets[0].dsn == "host=h password='a: [b] #c $${x}\n\"d'");
}

TEST_CASE("Listening off loopback is allowed with a warning") {
  const Options options = Parse("grpc: {listen: '0.0.0.0:1'}\nhttp: {listen: '[::]:2'}");
  CHECK(options.warnings ==
        std::vector<std::string>{
            "grpc.listen: 0.0.0.0:1 can be reached from other machines, and there is no TLS and no "
            "authentication yet",
            "http.listen: [::]:2 can be reached from other machines, and there is no TLS and no "
            "authentication yet"});
}

TEST_CASE("Both servers may take any free port of one host") {
  const Options options = Parse("grpc: {listen: '127.0.0.1:0'}\nhttp: {listen: '127.0.0.1:0'}");
  CHECK(options.http.listen.port == 0);
}

TEST_CASE("Aliases stand for what they name") {
  const Options options = Parse(R"(
tables:
  - name: a
    batch: &small {rows_max: 5}
  - name: b
    batch: *small
)");
  CHECK(options.tables[1].batch.rows_max == 5);
}

TEST_CASE("Who sets the size or the time of a batch gets just that") {
  const auto tuned = [](const std::string& table) {
    const Options options = Parse("tables: [{name: t, " + table + "}]");
    return std::pair(options.tables[0].batch.tuned, options.tables[0].batch.rows_max);
  };
  CHECK(tuned("batch: {bytes_max: 2048}") == std::pair(true, uint32_t{100'000}));
  CHECK(tuned("batch: {linger_ms: 5}") == std::pair(false, uint32_t{10'000}));
  CHECK(tuned("batch: {rows_max: 7}") == std::pair(false, uint32_t{7}));
  CHECK(tuned("batching: auto, batch: {rows_max: 7, linger_ms: 5}") ==
        std::pair(true, uint32_t{7}));
  CHECK(tuned("batching: fixed") == std::pair(false, uint32_t{10'000}));
}

TEST_CASE("LoadFile reads a file") {
  const TempFile file("data_dir: /x\n");
  const absl::StatusOr<Options> options = LoadFile(file.path(), TestVariables());
  REQUIRE(options.ok());
  CHECK(options->data_dir == "/x");
}

}  // namespace
}  // namespace batchsql
