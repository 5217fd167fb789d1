#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "batchsql/v1/admin.grpc.pb.h"
#include "cli/call.h"
#include "cli/doctor/checks.h"

namespace batchsql::cli {
namespace {

// "orders (paused, 42501)"
std::string Describe(const v1::TableStatus& table) {
  const std::string& error = table.last_error();
  return absl::StrCat(table.table(), " (", table.state(), error.empty() ? "" : ", ", error, ")");
}

void CheckTables(const v1::StatusResponse& status, Findings* findings) {
  std::vector<std::string> ill;
  for (const v1::TableStatus& table : status.tables()) {
    if (table.state() != "running" && table.state() != "removed") ill.push_back(Describe(table));
  }
  if (ill.empty()) {
    findings->Ok("daemon.tables", absl::StrCat(status.tables_size(), " tables, none in trouble"));
    return;
  }
  findings->Problem("daemon.tables", absl::StrJoin(ill, ", "),
                    "docs/errors.md tells what the codes mean. `opening` and `retrying` end when "
                    "the database answers, `paused` when it is mended, `stopped` by a restart");
}

void CheckReload(const v1::ConfigurationStatus& configuration, Findings* findings) {
  if (!configuration.last_reload_successful()) {
    findings->Problem("daemon.reload", configuration.error(),
                      "mend the configuration file, then send SIGHUP again");
  } else if (configuration.ignored_keys_size() > 0) {
    findings->Problem(
        "daemon.reload",
        absl::StrCat("not taken over: ", absl::StrJoin(configuration.ignored_keys(), ", ")),
        "restart the daemon: these keys are read at its start only");
  } else {
    findings->Ok("daemon.reload", "the configuration is taken over");
  }
}

}  // namespace

void CheckDaemon(const Patient& patient, Findings* findings) {
  if (patient.server.empty()) return findings->SkipRest("daemon.", "no --server");
  using Admin = v1::Admin::Stub;
  ServerAddress server;
  server.address = patient.server;
  Caller<Admin> admin(server);
  const absl::StatusOr<v1::StatusResponse> status = admin.Call(&Admin::Status, v1::StatusRequest());
  if (!status.ok()) {
    findings->Problem("daemon.grpc", std::string(status.status().message()),
                      "start batchsqld, or give its grpc.listen as --server; in a container it "
                      "must listen on 0.0.0.0");
    return findings->SkipRest("daemon.", "gRPC does not answer");
  }
  findings->Ok("daemon.grpc",
               absl::StrCat("batchsqld ", status->version(), " answers at ", patient.server));
  CheckTables(*status, findings);
  CheckReload(status->configuration(), findings);
}

}  // namespace batchsql::cli
