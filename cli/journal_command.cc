#include <cstdio>
#include <string>

#include "cli/commands.h"
#include "core/journal/journal_inspect.h"

namespace batchsql::cli {
namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "batchsql: %s\n", std::string(status.message()).c_str());
  return absl::IsDataLoss(status) ? kExitDamaged : kExitUsage;
}

void PrintProblems(const JournalReport& report) {
  for (const std::string& problem : report.problems) std::printf("%s\n", problem.c_str());
  for (const LsnRange& lost : report.lost) {
    std::printf("lost: LSN %llu to %llu\n", static_cast<unsigned long long>(lost.first),
                static_cast<unsigned long long>(lost.last));
  }
}

// The last line, for scripts.
void PrintSummary(const char* what, const JournalReport& report) {
  std::printf(
      "%s: table=%s id=%s segments=%u requests=%llu rows=%llu lsn=%llu..%llu torn_bytes=%llu "
      "lost_ranges=%zu problems=%zu\n",
      what, report.table.empty() ? "-" : report.table.c_str(), UuidText(report.id).c_str(),
      report.segments, static_cast<unsigned long long>(report.requests),
      static_cast<unsigned long long>(report.rows),
      static_cast<unsigned long long>(report.first_lsn),
      static_cast<unsigned long long>(report.next_lsn - 1),
      static_cast<unsigned long long>(report.torn_bytes), report.lost.size(),
      report.problems.size());
}

}  // namespace

int RunJournalVerify(const JournalCommand& command) {
  const absl::StatusOr<JournalReport> report = VerifyJournal(Env::System(), command.directory);
  if (!report.ok()) return Fail(report.status());
  PrintProblems(*report);
  PrintSummary("verify", *report);
  return report->sound() ? kExitOk : kExitDamaged;
}

int RunJournalDump(const JournalCommand& command) {
  const absl::Status status =
      DumpJournal(Env::System(), command.directory, [](std::string_view line) {
        std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
      });
  return status.ok() ? kExitOk : Fail(status);
}

int RunJournalRepair(const JournalCommand& command) {
  const absl::StatusOr<JournalReport> report =
      RepairJournal(Env::System(), command.directory, command.out);
  if (!report.ok()) return Fail(report.status());
  PrintProblems(*report);
  PrintSummary("repair", *report);
  return report->lost.empty() ? kExitOk : kExitDamaged;
}

int RunJournalAdopt(const JournalCommand& command) {
  const absl::StatusOr<JournalReport> report =
      AdoptJournal(Env::System(), command.directory, command.out, command.from_lsn);
  if (!report.ok()) return Fail(report.status());
  PrintSummary("adopt", *report);
  return kExitOk;
}

}  // namespace batchsql::cli
