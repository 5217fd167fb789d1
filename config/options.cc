#include "config/options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/strings.h"

namespace batchsql {

std::string ListenAddress::ToString() const {
  if (absl::StrContains(host, ':')) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

bool ListenAddress::IsLoopback() const {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
  return absl::EqualsIgnoreCase(host, "localhost");
}

bool ListenAddress::IsAny() const {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return v4.s_addr == htonl(INADDR_ANY);
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6) != 0;
}

std::string TableLabel(const TableOptions& table, const Options& options) {
  const auto has_name = [&](const TableOptions& other) { return other.name == table.name; };
  if (absl::c_count_if(options.tables, has_name) < 2) return table.name;
  return absl::StrCat(table.target, "/", table.name);
}

TargetOptions DefaultTarget(std::string_view data_dir) {
  TargetOptions target;
  target.name = TargetKindName(TargetKind::kSqlite);
  target.kind = TargetKind::kSqlite;
  target.dsn = absl::StrCat(AsAbsl(data_dir), "/batchsql.db");
  return target;
}

TableOptions DefaultTable(std::string_view target) {
  TableOptions table;
  table.name = std::string(kAnyTable);
  table.target = target;
  table.create = CreateTables::kMissing;
  table.evolve = EvolveTables::kAddColumns;
  return table;
}

Options DefaultOptions() {
  Options options;
  options.targets.push_back(DefaultTarget(options.data_dir));
  options.tables.push_back(DefaultTable(options.targets[0].name));
  return options;
}

std::string_view TargetKindName(TargetKind kind) {
  switch (kind) {
    case TargetKind::kPostgresql:
      return "postgresql";
    case TargetKind::kMysql:
      return "mysql";
    case TargetKind::kSqlite:
      return "sqlite";
  }
  return "";
}

std::string_view CreateTablesName(CreateTables create) {
  return create == CreateTables::kNever ? "never" : "missing";
}

std::string_view EvolveTablesName(EvolveTables evolve) {
  return evolve == EvolveTables::kNever ? "never" : "add_columns";
}

std::string_view JournalKindName(JournalKind journal) {
  return journal == JournalKind::kDisk ? "disk" : "none";
}

std::string_view ProducersKindName(ProducersKind producers) {
  return producers == ProducersKind::kJournal ? "journal" : "target";
}

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "";
}

}  // namespace batchsql
