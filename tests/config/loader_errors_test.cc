#include <catch2/catch.hpp>

#include "config/loader.h"
#include "tests/config/temp_file.h"
#include "tests/config/test_variables.h"

namespace batchsql {
namespace {

// What is said about a file that is called f.
std::string ErrorsOf(std::string_view text) {
  const absl::StatusOr<Options> options =
      ParseText(text, "f", TestVariables({{"EMPTY", ""}, {"SECRET", "hunter2"}}));
  if (options.ok()) return "no error";
  CHECK(options.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

struct Case {
  std::string text;
  std::string errors;
};

void CheckAll(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(ErrorsOf(c.text) == c.errors);
    CHECK(ErrorsOf(c.text).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("Text that is no YAML is refused with its line") {
  CheckAll({
      {"a: [1\nb: 2", "f:2: not valid YAML: end of sequence flow not found"},
      {"log:\n\tlevel: info", "f:2: not valid YAML: illegal map value"},
      {"data_dir: *hunter2", "f:1: not valid YAML: the referenced anchor is not defined"},
      {"data_dir: \"\\q\"", "f:1: not valid YAML: unknown escape character"},
      {"log: {}\n---\nlog: {}", "f:2: more text after the YAML document's end: expected one"},
      {"{log: {}},", "f:1: more text after the YAML document's end: expected one"},
      {"{log: {}}\nlog", "f:2: more text after the YAML document's end: expected one"},
      {"log: {}\ndata_dir: \xFF\n", "f:2: expected UTF-8 text without NUL"},
      {std::string("log: {}\n\n\0", 10), "f:3: expected UTF-8 text without NUL"},
      {"hunter2", "f:1: expected a mapping of keys to values"},
      {"\n- a", "f:2: expected a mapping of keys to values"},
      {"!x {log: {}}", "f:1: expected a mapping of keys to values"},
  });
  CHECK_THAT(ErrorsOf(std::string(5000, '[')), Catch::StartsWith("f:1: not valid YAML: "));
}

TEST_CASE("Unknown keys are refused, and close ones suggested") {
  CheckAll({
      {"\ndata_dri: x", "f:2: data_dri: is no key: did you mean data_dir?"},
      {"grpc:\n  lisen: x", "f:2: grpc.lisen: is no key: did you mean listen?"},
      {"shutdown:\n  grace: 1", "f:2: shutdown.grace: is no key: expected one of grace_ms"},
      {"log: {level: info, file: x}", "f:1: log.file: is no key: expected one of level"},
      {"tables:\n  - name: t\n    batch:\n      row_max: 1",
       "f:4: tables[0].batch.row_max: is no key: did you mean rows_max?"},
      {"tables:\n  - name: t\n    journal: none\n    producers: journal",
       "f:4: tables[0].producers: is journal, and there is none with journal: none: expected "
       "target"},
      {"tables:\n  - name: t\n    producers: both",
       "f:3: tables[0].producers: expected journal or target"},
      {"producers: {}",
       "f:1: producers: is no key: expected one of data_dir, environments, grpc, http, instance, "
       "limits, log, monitoring, shutdown, tables, targets"},
      {"tables:\n  - name: t\n    journal: memory",
       "f:3: tables[0].journal: expected disk or none"},
      {"tables: [{name: t, columns: 3}]",
       "f:1: tables[0].columns: is no key: expected one of any_unique_key, batch, batching, "
       "conflict, "
       "create, delivery, evolve, exclusive, journal, key, name, producers, target, update"},
      {"tables:\n  - name: t\n    delivery: at_most_once",
       "f:3: tables[0].delivery: expected exactly_once or at_least_once"},
      {"tables: [{name: t, conflict: update, key: [id], exclusive: true}]",
       "f:1: tables[0].exclusive: is only for tables with conflict: insert"},
      {"Log: {}", "f:1: Log: is no key: did you mean log?"},
      {"<<: {log: {}}",
       "f:1: what stands here as a key is none: expected `key: value`, and text with special "
       "characters in quotes"},
      {"targets:\n  - {kind: sqlite, dsn x://u:hunter2}",
       "f:1: tables: is missing: expected a list; an entry with the name '*' takes all "
       "tables\nf:2: "
       "targets[0]: what stands here as a key is none: expected `key: value`, and text with "
       "special "
       "characters in quotes\nf:2: targets[0].dsn: is missing: expected where the database is"},
  });
}

TEST_CASE("Keys given twice are refused") {
  CheckAll({
      {"data_dir: a\nlog: {}\ndata_dir: b",
       "f:3: data_dir: was given on line 1 already: expected each key once"},
      {"log:\n  level: info\n  level: hunter2",
       "f:3: log.level: was given on line 2 already: expected each key once"},
  });
}

TEST_CASE("Values of a wrong type are refused") {
  CheckAll({
      {"data_dir: [a]", "f:1: data_dir: expected text"},
      {"data_dir:\n", "f:1: data_dir: expected text"},
      {"data_dir: ''", "f:1: data_dir: is empty: expected text"},
      {"data_dir: ${EMPTY}", "f:1: data_dir: is empty: expected text"},
      {"data_dir: !!str hunter2", "f:1: data_dir: expected text"},
      {"data_dir: \"a\\0b\"", "f:1: data_dir: holds a NUL character: expected text without"},
      {"grpc: 127.0.0.1:1", "f:1: grpc: expected a mapping of keys to values"},
      {"targets: {}",
       "f:1: targets: expected a list with at least one entry, each starting with `- `\nf:1: "
       "tables: "
       "is missing: expected a list; an entry with the name '*' takes all tables"},
      {"tables: []",
       "f:1: tables: expected a list with at least one entry, each starting with `- `"},
      {"tables:\n",
       "f:1: tables: expected a list with at least one entry, each starting with `- `"},
      {"tables:\n  - {name: t}\n  - hunter2",
       "f:3: tables[1]: expected a mapping of keys to values"},
      {"tables: [{name: t, any_unique_key: yes}]",
       "f:1: tables[0].any_unique_key: expected true or false"},
      {"tables: [{name: t, any_unique_key: 'true'}]",
       "f:1: tables[0].any_unique_key: expected true or false"},
      {"tables: [{name: t, key: id}]",
       "f:1: tables[0].key: expected a list of names, as in [a, b]"},
      {"tables: [{name: t, key: [[id]]}]",
       "f:1: tables[0].key: expected a list of names, as in [a, b]"},
      {"tables: [{name: t, key: [a, a], create: missing}]",
       "f:1: tables[0].key: names something twice: expected each name once"},
      {"tables: [{name: t, key: [''], create: missing}]",
       "f:1: tables[0].key: expected column names of 1 to 255 bytes"},
  });
}

TEST_CASE("Numbers are plain integers within their range") {
  const std::string expected =
      "f:2: shutdown.grace_ms: expected an integer from 0 to 3600000 milliseconds";
  for (const std::string value :
       {"-1", "3600001", "1.5", "1e3", "010", "0x10", "5s", "1_000", "18446744073709551616", "[]",
        "~", "", "+1", "${SECRET}", "hunter2", "true"}) {
    CAPTURE(value);
    CHECK(ErrorsOf("shutdown:\n  grace_ms: " + value) == expected);
  }
  CHECK(ErrorsOf("shutdown:\n  grace_ms: '5'") == expected + ", without quotes");
}

TEST_CASE("Each number has its range and unit") {
  const std::pair<std::string, std::string> limits[] = {
      {"memory_bytes_max", "1048576 to 1099511627776 bytes"},
      {"request_bytes_max", "1024 to 1073741824 bytes"},
      {"row_bytes_max", "1024 to 1073741824 bytes"},
      {"request_rows_max", "1 to 10000000 rows"},
      {"columns_max", "1 to 32767 columns"},
      {"tables_max", "1 to 100000 tables"},
      {"json_depth_max", "1 to 1024 levels"},
      {"journal_bytes_max", "16777216 to 1125899906842624 bytes"}};
  for (const auto& [key, range] : limits) {
    CHECK(ErrorsOf("limits: {" + key + ": 0}") ==
          "f:1: limits." + key + ": expected an integer from " + range);
  }
  const std::pair<std::string, std::string> batch[] = {{"rows_max", "1 to 1000000 rows"},
                                                       {"bytes_max", "1024 to 1073741824 bytes"},
                                                       {"linger_ms", "0 to 3600000 milliseconds"}};
  for (const auto& [key, range] : batch) {
    CHECK(ErrorsOf("tables: [{name: t, batch: {" + key + ": 9999999999}}]") ==
          "f:1: tables[0].batch." + key + ": expected an integer from " + range);
  }
  CHECK(ErrorsOf("targets: [{kind: sqlite, dsn: a, connections_max: 1001}]\ntables: [{name: t}]") ==
        "f:1: targets[0].connections_max: expected an integer from 1 to 1000 connections");
}

TEST_CASE("Limits that contradict each other are refused") {
  CheckAll({
      {"limits:\n  memory_bytes_max: 1048576\n  request_bytes_max: 1048577",
       "f:3: limits.request_bytes_max: expected at most limits.memory_bytes_max, which is 1048576 "
       "bytes"},
      {"limits:\n  request_bytes_max: 1024\n  row_bytes_max: 1025",
       "f:3: limits.row_bytes_max: expected at most limits.request_bytes_max, which is 1024 bytes"},
      {"limits: {memory_bytes_max: 1048576}\ntables: [{name: t, batch: {bytes_max: 1048577}}]",
       "f:2: tables[0].batch.bytes_max: expected at most limits.memory_bytes_max, which is 1048576 "
       "bytes"},
  });
}

TEST_CASE("Words that are no choice are refused") {
  CheckAll({
      {"log: {level: loud}", "f:1: log.level: expected debug or info or warning or error"},
      {"log: {level: '${SECRET}'}", "f:1: log.level: expected debug or info or warning or error"},
      {"tables: [{name: t, conflict: upsert}]",
       "f:1: tables[0].conflict: expected insert or ignore or update or replace"},
      {"tables: [{name: t, create: true}]", "f:1: tables[0].create: expected never or missing"},
      {"tables: [{name: t, evolve: [never]}]",
       "f:1: tables[0].evolve: expected never or add_columns"},
      {"targets: [{kind: oracle, dsn: hunter2}]\ntables: [{name: t, target: x}]",
       "f:1: targets[0].kind: expected postgresql or mysql or sqlite"},
  });
}

TEST_CASE("Addresses that are none, or one for both servers, are refused") {
  const std::string expected =
      "expected host:port, as in 127.0.0.1:8080 or [::1]:8080, with a port from 0 to 65535";
  CheckAll({
      {"grpc: {listen: 50051}", "f:1: grpc.listen: " + expected},
      {"http:\n  listen: ${SECRET}", "f:2: http.listen: " + expected},
      {"grpc: {listen: '127.0.0.1:1'}\nhttp: {listen: '127.0.0.1:1'}",
       "f:2: http: listens where grpc listens: expected another port"},
      {"grpc: {listen: '127.0.0.1:8080'}",
       "f:1: http: listens where grpc listens: expected another port"},
  });
}

TEST_CASE("Variables and files that cannot be had are refused") {
  CheckAll({
      {"data_dir: hunter2${UNSET}", "f:1: data_dir: the environment variable UNSET is not set"},
      {"log: {}\ndata_dir: ${file:/nonexistent}",
       "f:2: data_dir: ${file:/nonexistent}: cannot be opened: No such file or directory"},
      {"data_dir: hunter2$1",
       "f:1: data_dir: a dollar sign stands alone: write $$ for it, or ${NAME}"},
      {"tables:\n  - name: t\n    create: missing\n    key: [a, '${UNSET}']",
       "f:4: tables[0].key: the environment variable UNSET is not set"},
  });
}

TEST_CASE("Targets that cannot be are refused") {
  const std::string tables = "\ntables: [{name: t, target: a}]";
  CheckAll({
      {"targets: [{name: a}]" + tables,
       "f:1: targets[0].kind: is missing: expected postgresql or mysql or sqlite\nf:1: "
       "targets[0].dsn: is missing: expected where the database is"},
      {"targets: [{name: a, kind: mysql, dsn: 'u:hunter2@h'}]" + tables,
       "f:1: targets[0].dsn: expected mysql://user:password@host:port/database"},
      {"targets: [{name: a, kind: postgresql, dsn: 'hunter2'}]" + tables,
       "f:1: targets[0].dsn: expected postgresql://user:password@host:port/database or libpq's "
       "key=value pairs"},
      {"targets: [{name: a, kind: sqlite, dsn: ':memory:'}]" + tables,
       "f:1: targets[0].dsn: expected the path of a SQLite file: URIs and in-memory databases are "
       "not supported"},
      {"targets: [{name: a, kind: sqlite, dsn: ''}]" + tables,
       "f:1: targets[0].dsn: is empty: expected text"},
      {"targets: [{name: a, kind: sqlite, dsn: {password: hunter2}}]" + tables,
       "f:1: targets[0].dsn: expected text"},
      {"targets: [{name: a/b, kind: sqlite, dsn: x}]\ntables: [{name: t}]",
       "f:1: targets[0].name: expected at most 64 letters, digits, '_', '-' or '.': it becomes a "
       "label"},
      {"targets:\n  - {name: a, kind: sqlite, dsn: x}\n  - {name: a, kind: sqlite, dsn: y}" +
           tables,
       "f:3: targets[1].name: is the name of targets[0] too: expected another"},
      {"targets:\n  - {kind: mysql, dsn: mysql://h/d}\n  - {kind: mysql, dsn: mysql://h/e}\n"
       "tables: [{name: t, target: mysql}]",
       "f:3: targets[1].name: is the name of targets[0] too: expected another"},
      {"targets:\n  - {name: a, kind: sqlite, dsn: x}\n  - {name: b, kind: sqlite, dsn: ./y/../x}" +
           tables,
       "f:3: targets[1].dsn: is the database of targets[0] too: expected another"},
      {"targets: [{kind: sqlite, dsn: x}]",
       "f:1: tables: is missing: expected a list; an entry with the name '*' takes all tables"},
  });
}

TEST_CASE("A target's name that is none is not shown by other errors") {
  CheckAll({
      {"targets:\n  - {name: a, kind: sqlite, dsn: x}\n"
       "  - {name: 'u:hunter2@h', kind: mysql, dsn: mysql://h/d}\n"
       "tables: [{name: t, target: other}, {name: u}]",
       "f:3: targets[1].name: expected at most 64 letters, digits, '_', '-' or '.': it becomes a "
       "label\nf:4: tables[1].target: is missing: expected one of a"},
  });
}

TEST_CASE("Tables that cannot be are refused") {
  const std::string targets =
      "targets: [{name: a, kind: sqlite, dsn: x}, {name: b, kind: mysql, dsn: mysql://h/d}]\n";
  CheckAll({
      {"tables: [{create: never}]",
       "f:1: tables[0].name: is missing: expected a table's name, or '*' for all that are not "
       "listed"},
      {"tables: [{name: a/b}]",
       "f:1: tables[0].name: holds a '/': expected the table's name alone, and its target under "
       "`target`"},
      {"tables: [{name: a.b.c}]",
       "f:1: tables[0].name: table name has more than the two parts schema.name"},
      {"tables: [{name: a.}]", "f:1: tables[0].name: a part of the table name is empty"},
      {"tables: [{name: t, target: other}]",
       "f:1: tables[0].target: names no target: expected one of sqlite"},
      {targets + "tables: [{name: t}]", "f:2: tables[0].target: is missing: expected one of a, b"},
      {"tables:\n  - name: t\n  - name: t",
       "f:3: tables[1].name: is the table of tables[0] too: expected each once"},
      {"tables:\n  - name: t\n  - name: main.T",
       "f:3: tables[1].name: is the table of tables[0] too: expected each once"},
      {targets + "tables: [{name: t, target: b}, {name: T, target: b}, {name: t, target: b}]",
       "f:2: tables[2].name: is the table of tables[0] too: expected each once"},
      {targets + "tables: [{name: '*', target: a}, {name: '*', target: b}]",
       "f:2: tables[1].name: is the table of tables[0] too: expected each once"},
  });
}

TEST_CASE("Rules that no table can satisfy are refused") {
  CheckAll({
      {"tables:\n  - name: t\n    key: [id]",
       "f:3: tables[0].key: has no effect with conflict: insert and create: never"},
      {"tables:\n  - name: t\n    any_unique_key: true",
       "f:3: tables[0].any_unique_key: has no effect with conflict: insert"},
      {"tables:\n  - name: t\n    conflict: replace\n    update: [v]",
       "f:4: tables[0].update: has no effect without conflict: update"},
      {"tables:\n  - name: t\n    conflict: update\n    key: [id]\n    update: [v, id]",
       "f:5: tables[0].update: names a column of the key: expected other columns"},
      {"tables:\n  - name: t\n    conflict: ignore\n    create: missing",
       "f:2: tables[0].key: is missing: conflict: ignore and create: missing need the new table's "
       "primary key"},
  });
  CHECK(ErrorsOf("tables: [{name: t, key: [id], create: missing}]") == "no error");
  CHECK(ErrorsOf("tables: [{name: t, conflict: update}]") == "no error");
}

TEST_CASE("Labels are bounded") {
  CheckAll({
      {"monitoring: {test_name: ''}", "f:1: monitoring.test_name: is empty: expected text"},
      {"monitoring: {environment: \"a\\nb\"}",
       "f:1: monitoring.environment: expected at most 128 bytes without control characters: it "
       "becomes a label"},
      {"monitoring: {test_name: " + std::string(129, 'x') + "}",
       "f:1: monitoring.test_name: expected at most 128 bytes without control characters: it "
       "becomes a label"},
  });
}

TEST_CASE("All errors are reported, in the file's order") {
  CHECK(ErrorsOf("log:\n"
                 "  level: loud\n"
                 "shutdown: {grace_ms: x}\n"
                 "targets:\n"
                 "  - kind: postgresql\n"
                 "    dsn: ${NO_DSN}\n"
                 "    conections_max: 3\n"
                 "tables:\n"
                 "  - name: t\n"
                 "    target: nowhere\n"
                 "    batch: {rows_max: 0}\n"
                 "data_dir: []\n") ==
        "f:2: log.level: expected debug or info or warning or error\n"
        "f:3: shutdown.grace_ms: expected an integer from 0 to 3600000 milliseconds\n"
        "f:6: targets[0].dsn: the environment variable NO_DSN is not set\n"
        "f:7: targets[0].conections_max: is no key: did you mean connections_max?\n"
        "f:10: tables[0].target: names no target: expected one of postgresql\n"
        "f:11: tables[0].batch.rows_max: expected an integer from 1 to 1000000 rows\n"
        "f:12: data_dir: expected text");
}

TEST_CASE("A file that cannot be read is refused by its name") {
  const absl::StatusOr<Options> missing = LoadFile("/nonexistent.yaml", TestVariables());
  CHECK(missing.status().message() ==
        "/nonexistent.yaml: cannot be opened: No such file or directory");
  CHECK(LoadFile("/tmp", TestVariables()).status().message() ==
        "/tmp: cannot be read: Is a directory");
  const TempFile large(std::string(1024 * 1024 + 1, '#'));
  CHECK(LoadFile(large.path(), TestVariables()).status().message() ==
        large.path() + ": is larger than 1048576 bytes");
}

TEST_CASE("A bad file is reported under its path") {
  const TempFile file("\nlog: 1\n");
  CHECK(LoadFile(file.path(), TestVariables()).status().message() ==
        file.path() + ":2: log: expected a mapping of keys to values");
}

}  // namespace
}  // namespace batchsql
