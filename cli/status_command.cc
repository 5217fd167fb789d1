#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "batchsql/v1/admin.grpc.pb.h"
#include "batchsql/v1/ingest.grpc.pb.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/text_table.h"

namespace batchsql::cli {
namespace {

template <typename Response, typename Print>
int Show(const absl::StatusOr<Response>& response, bool json, Print print) {
  if (!response.ok()) return Fail(response.status());
  if (json) return PrintJson(*response);
  print(*response);
  return kExitOk;
}

std::string Mebibytes(uint64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string Duration(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

void PrintTargets(const v1::StatusResponse& status) {
  TextTable table({"TARGET", "KIND", "CONNECTIONS"}, {false, false, true});
  for (const v1::TargetStatus& target : status.targets()) {
    table.Add({target.name(), target.kind(),
               absl::StrCat(target.connections(), "/", target.connections_max())});
  }
  std::printf("%s\n", table.Text().c_str());
}

void PrintTables(const v1::StatusResponse& status) {
  TextTable table({"TABLE", "TARGET", "STATE", "LETTERS", "LAST ERROR"},
                  {false, false, false, true, false});
  for (const v1::TableStatus& one : status.tables()) {
    table.Add({one.table(), one.target(), one.state(), WithSeparators(one.dead_letters()),
               one.last_error()});
  }
  std::printf("%s\n", table.Text().c_str());
}

// Tables with rows that wait for an operator's decision.
void PrintDrifts(const v1::StatusResponse& status) {
  bool any = false;
  for (const v1::TableStatus& one : status.tables()) {
    if (one.drift().empty()) continue;
    std::printf("%s: rows that wait do not fit the table: %s\n", one.table().c_str(),
                one.drift().c_str());
    any = true;
  }
  if (any) std::printf("\n");
}

// The first three are together what the others are.
void PrintRows(const v1::StatusResponse& status) {
  TextTable table({"ROWS OF", "RECEIVED", "RECOVERED", "REPLAYED", "REJECTED", "REPEATED",
                   "COALESCED", "COMMITTED", "DEAD", "LOST", "QUEUED"},
                  {false, true, true, true, true, true, true, true, true, true, true});
  for (const v1::TableStatus& one : status.tables()) {
    table.Add({one.table(), WithSeparators(one.received_rows()),
               WithSeparators(one.recovered_rows()), WithSeparators(one.replayed_rows()),
               WithSeparators(one.rejected_rows()), WithSeparators(one.deduplicated_rows()),
               WithSeparators(one.coalesced_rows()), WithSeparators(one.committed_rows()),
               WithSeparators(one.dead_lettered_rows()), WithSeparators(one.lost_rows()),
               WithSeparators(one.queued_rows())});
  }
  std::fputs(table.Text().c_str(), stdout);
}

// What an operator must know of the configuration; nothing where all is well.
void PrintConfiguration(const v1::ConfigurationStatus& configuration) {
  if (!configuration.error().empty()) {
    std::printf("the configuration was not reloaded: %s\n\n", configuration.error().c_str());
  }
  if (configuration.ignored_keys().empty()) return;
  std::printf("new values wait for a restart: %s\n\n",
              absl::StrJoin(configuration.ignored_keys(), ", ").c_str());
}

void PrintStatus(const v1::StatusResponse& status) {
  std::printf("batchsqld %s, up %s, %s of %s buffered\n\n", status.version().c_str(),
              Duration(status.uptime_seconds()).c_str(), Mebibytes(status.buffered_bytes()).c_str(),
              Mebibytes(status.buffered_bytes_max()).c_str());
  PrintConfiguration(status.configuration());
  PrintTargets(status);
  PrintTables(status);
  PrintDrifts(status);
  PrintRows(status);
}

void PrintSummaries(const v1::ListTablesResponse& response) {
  TextTable table({"TABLE", "TARGET", "STATE"}, {false, false, false});
  for (const v1::TableSummary& one : response.tables()) {
    table.Add({one.table(), one.target(), one.state()});
  }
  std::fputs(table.Text().c_str(), stdout);
}

void PrintColumns(const v1::DescribeTableResponse& response) {
  std::string key;
  for (const std::string& column : response.key()) {
    absl::StrAppend(&key, key.empty() ? "" : ", ", column);
  }
  std::printf("%s in %s, conflict: %s%s%s\n\n", response.table().c_str(), response.target().c_str(),
              response.conflict().c_str(), key.empty() ? "" : ", key: ", key.c_str());
  TextTable table({"COLUMN", "TYPE", "NATIVE TYPE", "NULL", "DEFAULT"},
                  {false, false, false, false, false});
  for (const v1::ColumnDescription& column : response.columns()) {
    table.Add({column.name(), column.type(), column.native_type(), column.nullable() ? "yes" : "no",
               column.has_default() ? "yes" : "no"});
  }
  std::fputs(table.Text().c_str(), stdout);
}

}  // namespace

int RunTables(const ServerAddress& server, const std::string& table, bool json) {
  using Ingest = v1::Ingest::Stub;
  Caller<Ingest> ingest(server);
  if (table.empty()) {
    return Show(ingest.Call(&Ingest::ListTables, v1::ListTablesRequest()), json, PrintSummaries);
  }
  v1::DescribeTableRequest request;
  request.set_table(table);
  return Show(ingest.Call(&Ingest::DescribeTable, request), json, PrintColumns);
}

int RunStatus(const ServerAddress& server, bool json) {
  using Admin = v1::Admin::Stub;
  Caller<Admin> admin(server);
  return Show(admin.Call(&Admin::Status, v1::StatusRequest()), json, PrintStatus);
}

}  // namespace batchsql::cli
