#include <cstdio>
#include <string>

#include "batchsql/v1/admin.grpc.pb.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/text_table.h"

namespace batchsql::cli {
namespace {

using Admin = v1::Admin::Stub;

void Print(const v1::ReconcileTableResponse& table) {
  const std::string rows = WithSeparators(table.queued_rows());
  if (table.drift().empty()) {
    std::printf("%s in %s is %s; no row is known not to fit the table (%s rows wait)\n",
                table.table().c_str(), table.target().c_str(), table.state().c_str(), rows.c_str());
  } else {
    std::printf("%s in %s was %s: %s; the %s rows that wait are written now\n",
                table.table().c_str(), table.target().c_str(), table.state().c_str(),
                table.drift().c_str(), rows.c_str());
  }
  std::printf("reconcile: table=%s waiting=%llu drift=%s\n", table.table().c_str(),
              static_cast<unsigned long long>(table.queued_rows()),
              table.drift().empty() ? "no" : "yes");
}

}  // namespace

int RunReconcile(const ReconcileCommand& command) {
  Caller<Admin> admin(command.server);
  v1::ReconcileTableRequest request;
  request.set_table(command.table);
  for (const std::string& column : command.ignored_columns) request.add_ignored_columns(column);
  const auto response = admin.Call(&Admin::ReconcileTable, request);
  if (!response.ok()) return Fail(response.status());
  if (command.json) return PrintJson(*response);
  Print(*response);
  return kExitOk;
}

}  // namespace batchsql::cli
