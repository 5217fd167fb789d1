#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/table_schema.h"

namespace batchsql {

// What the daemon is told: plain values, read from YAML by config/loader.h. docs/configuration.md
// describes every key; the values here are their defaults.

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// The name of the table rule that serves every table that no other rule names.
inline constexpr std::string_view kAnyTable = "*";

// Where a server listens.
struct ListenAddress {
  std::string host;   // a host name or an address; IPv6 without its brackets
  uint16_t port = 0;  // 0: any free one

  // host:port, an IPv6 address in brackets.
  std::string ToString() const;
  // Only this machine can reach it: 127.0.0.0/8, ::1, localhost.
  bool IsLoopback() const;
  // Every address of this machine: 0.0.0.0, ::.
  bool IsAny() const;
  bool operator==(const ListenAddress&) const = default;
};

struct GrpcOptions {
  ListenAddress listen{"127.0.0.1", 50051};
  bool operator==(const GrpcOptions&) const = default;
};

struct HttpOptions {
  ListenAddress listen{"127.0.0.1", 8080};
  bool operator==(const HttpOptions&) const = default;
};

enum class TargetKind : uint8_t { kPostgresql, kMysql, kSqlite };

// One database.
struct TargetOptions {
  std::string name;  // unique; by default its kind
  TargetKind kind = TargetKind::kSqlite;
  // PostgreSQL: a URI or key=value pairs, as libpq takes them. MySQL: mysql://user:password@host:
  // port/database. SQLite: the file's path, from the working directory. May hold a password.
  std::string dsn;
  uint32_t connections_max = 8;
  bool operator==(const TargetOptions&) const = default;
};

// What to do when a table does not exist.
enum class CreateTables : uint8_t { kNever, kMissing };

// What to do when rows have a column that their table lacks.
enum class EvolveTables : uint8_t { kNever, kAddColumns };

// Where rows wait for their commit.
enum class JournalKind : uint8_t { kDisk, kNone };

// Where producers' positions are kept: with the journal alone, or also in the target, where they
// move with their rows.
enum class ProducersKind : uint8_t { kJournal, kTarget };

// When a batch is closed: whichever comes first.
struct BatchOptions {
  bool tuned = true;  // rows_max and linger_ms are found by the daemon; these are the most it takes
  uint32_t rows_max = 100'000;
  uint64_t bytes_max = 8 * kMiB;  // less where limits.memory_bytes_max is less
  uint32_t linger_ms = 20;        // age of its oldest row; 0: as soon as there is a row
  bool operator==(const BatchOptions&) const = default;
};

// How one table is written, or with the name kAnyTable all that are not listed.
struct TableOptions {
  std::string name;    // `name` or `schema.name`, as ParseTableName takes it, or kAnyTable
  std::string target;  // name of one of the targets, always filled in
  WriteRule rule;      // the rule's key is also the primary key of a table that is created
  CreateTables create = CreateTables::kNever;
  EvolveTables evolve = EvolveTables::kNever;
  JournalKind journal = JournalKind::kDisk;
  ProducersKind producers = ProducersKind::kJournal;  // kTarget without a journal
  BatchOptions batch;
  bool exclusive = false;  // nobody else writes to the table
  bool operator==(const TableOptions&) const = default;
};

// Labels of the metrics.
struct MonitoringOptions {
  std::string test_name = "default";
  std::string environment;  // empty: the series carry no label `env`
  bool operator==(const MonitoringOptions&) const = default;
};

// One of the places that a file describes how to run in.
struct EnvironmentOptions {
  std::string name;                      // empty: none
  std::optional<uint16_t> metrics_port;  // in place of http.listen's
  std::string metrics_prefix;            // of every metric's name; empty or as `prod_`
  // http or https, without a slash at their ends; empty: none.
  std::string grafana_url;
  std::string alertmanager_url;
  std::string metrics_instance;  // Prometheus' label for the daemon; empty: where HTTP listens
  bool operator==(const EnvironmentOptions&) const = default;
};

// What a file tells those who look at its daemon from outside.
struct DaemonPlace {
  ListenAddress grpc;
  ListenAddress http;
  EnvironmentOptions environment;  // the selected one; without a name: none
  bool operator==(const DaemonPlace&) const = default;
};

// Upper bounds; each default is less where the bound above it is less.
struct LimitOptions {
  uint64_t memory_bytes_max = 256 * kMiB;  // rows that are in memory, over all tables
  uint64_t request_bytes_max = 16 * kMiB;
  uint64_t row_bytes_max = 4 * kMiB;
  uint32_t request_rows_max = 100'000;
  uint32_t columns_max = 1600;                    // of one request
  uint32_t tables_max = 1000;                     // that are served, listed or not
  uint32_t json_depth_max = 64;                   // nested arrays and objects of one JSON body
  uint64_t journal_bytes_max = 10 * 1024 * kMiB;  // on disk, over all tables
  uint64_t journal_segment_bytes = 64 * kMiB;
  uint64_t letters_bytes_max = kGiB;    // dead letters on disk, over all tables
  uint32_t journal_grace_ms = 600'000;  // that segments are kept for after their rows committed
  uint64_t producer_memory_ms = 7ULL * 24 * 3'600'000;  // of silent producers; 0: for ever
  bool operator==(const LimitOptions&) const = default;
};

struct ShutdownOptions {
  uint32_t grace_ms = 10'000;  // for flushing what is queued
  bool operator==(const ShutdownOptions&) const = default;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool operator==(const LogOptions&) const = default;
};

struct Options {
  std::string data_dir = "./batchsql-data";
  // Tells this daemon from others that write to the same tables with `journal: none`.
  std::string instance = "batchsqld";
  GrpcOptions grpc;
  HttpOptions http;
  std::vector<TargetOptions> targets;            // never empty
  std::vector<TableOptions> tables;              // never empty
  MonitoringOptions monitoring;                  // `environment` is that of the selected one
  std::vector<EnvironmentOptions> environments;  // by name
  EnvironmentOptions environment;                // the selected one; without a name: none
  LimitOptions limits;
  ShutdownOptions shutdown;
  LogOptions log;

  // What is allowed but should be said in the log; one line each, without secrets.
  std::vector<std::string> warnings;

  bool operator==(const Options&) const = default;
};

// What clients call a table: its name, or target/name where another target's table has the name
// too.
std::string TableLabel(const TableOptions& table, const Options& options);

// A SQLite file in `data_dir`.
TargetOptions DefaultTarget(std::string_view data_dir);
// Every table, appended to, made from its first rows and widened by later ones.
TableOptions DefaultTable(std::string_view target);
// What the daemon does without a configuration file.
Options DefaultOptions();

// As they are written in a configuration file.
std::string_view TargetKindName(TargetKind kind);
std::string_view CreateTablesName(CreateTables create);
std::string_view EvolveTablesName(EvolveTables evolve);
std::string_view JournalKindName(JournalKind journal);
std::string_view ProducersKindName(ProducersKind producers);
std::string_view LogLevelName(LogLevel level);

}  // namespace batchsql
