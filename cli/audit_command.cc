#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "batchsql/v1/admin.grpc.pb.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/text_table.h"

namespace batchsql::cli {
namespace {

using Admin = v1::Admin::Stub;

// Tables may be large.
constexpr std::chrono::hours kAuditDeadline{24};

const char* VerdictText(const v1::AuditResponse& audit) {
  switch (audit.verdict()) {
    case v1::AUDIT_VERDICT_OK:
      return "ok";
    case v1::AUDIT_VERDICT_MISMATCH:
      return "mismatch";
    default:
      return "uncounted";
  }
}

const char* DigestText(const v1::AuditResponse& audit) {
  switch (audit.digest()) {
    case v1::AUDIT_DIGEST_EQUAL:
      return "equal";
    case v1::AUDIT_DIGEST_DIFFERS:
      return "differs";
    case v1::AUDIT_DIGEST_PARTIAL:
      return "partial";
    default:
      return "none";
  }
}

std::vector<std::string> TablesOf(const v1::StatusResponse& status) {
  std::vector<std::string> tables;
  for (const v1::TableStatus& table : status.tables()) tables.push_back(table.table());
  return tables;
}

void PrintTable(const std::vector<v1::AuditResponse>& audits) {
  TextTable table({"TABLE", "TARGET", "VERDICT", "COMMITTED", "IN TABLE", "MISSING", "EXTRA",
                   "CONTENTS", "DEAD", "COALESCED"},
                  {false, false, false, true, true, true, true, false, true, true});
  for (const v1::AuditResponse& one : audits) {
    table.Add({one.table(), one.target(), VerdictText(one), absl::StrCat(one.committed_rows()),
               absl::StrCat(one.in_target_rows()), absl::StrCat(one.missing_rows()),
               absl::StrCat(one.extra_rows()), DigestText(one),
               absl::StrCat(one.dead_lettered_rows()), absl::StrCat(one.coalesced_rows())});
  }
  std::printf("%s\n", table.Text().c_str());
}

void PrintLine(const v1::AuditResponse& audit) {
  const std::string line = absl::StrCat(
      "audit: table=", audit.table(), " acknowledged=", audit.committed_rows(),
      " in_target=", audit.in_target_rows(), " missing=", audit.missing_rows(),
      " extra=", audit.extra_rows(), " contents=", DigestText(audit), " ", VerdictText(audit));
  for (const std::string& finding : audit.findings()) {
    std::printf("%s: %s\n", audit.table().c_str(), finding.c_str());
  }
  std::printf("%s\n", line.c_str());
}

void Print(const std::vector<v1::AuditResponse>& audits, bool json) {
  if (json) {
    for (const v1::AuditResponse& audit : audits) PrintJson(audit);
    return;
  }
  if (audits.empty()) return;
  PrintTable(audits);
  for (const v1::AuditResponse& audit : audits) PrintLine(audit);
}

bool Mismatches(const v1::AuditResponse& audit) {
  return audit.verdict() == v1::AUDIT_VERDICT_MISMATCH;
}

}  // namespace

int RunAudit(const AuditCommand& command) {
  Caller<Admin> admin(command.server, kAuditDeadline);
  std::vector<std::string> tables = {command.table};
  if (command.table.empty()) {
    const auto status = admin.Call(&Admin::Status, v1::StatusRequest());
    if (!status.ok()) return Fail(status.status());
    tables = TablesOf(*status);
  }
  std::vector<v1::AuditResponse> audits;
  int failed = kExitOk;
  for (const std::string& table : tables) {
    v1::AuditRequest request;
    request.set_table(table);
    const auto audit = admin.Call(&Admin::Audit, request);
    if (audit.ok()) {
      audits.push_back(*audit);
    } else {
      failed = Fail(audit.status(), absl::StrCat(table, ": ", audit.status().message()));
    }
  }
  Print(audits, command.json);
  return std::any_of(audits.begin(), audits.end(), Mismatches) ? kExitMismatch : failed;
}

}  // namespace batchsql::cli
