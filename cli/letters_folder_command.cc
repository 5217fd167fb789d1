#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "core/dead_letters/letter_inspect.h"

namespace batchsql::cli {
namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "batchsql: %s\n", std::string(status.message()).c_str());
  return absl::IsDataLoss(status) ? kExitDamaged : kExitUsage;
}

// The last line is for scripts.
void Print(const char* what, const LettersReport& report) {
  std::string text;
  for (const std::string& problem : report.problems) absl::StrAppend(&text, problem, "\n");
  for (const LettersReport::IdRange& lost : report.lost) {
    absl::StrAppend(&text, "lost: at most the letters ", lost.first, " to ", lost.last, "\n");
  }
  if (!report.uncertain.empty()) {
    absl::StrAppend(&text, "uncertain: ", absl::StrJoin(report.uncertain, " "), "\n");
  }
  absl::StrAppend(&text, what, ": files=", report.files, " live=", report.live,
                  " replayed=", report.replayed, " pending=", report.pending,
                  " torn_bytes=", report.torn_bytes, " lost_bytes=", report.lost_bytes,
                  " lost_ranges=", report.lost.size(), " uncertain=", report.uncertain.size(),
                  " problems=", report.problems.size(), "\n");
  std::fputs(text.c_str(), stdout);
}

}  // namespace

int RunLettersVerify(const LettersFolderCommand& command) {
  const absl::StatusOr<LettersReport> report = VerifyLetters(Env::System(), command.directory);
  if (!report.ok()) return Fail(report.status());
  Print("verify", *report);
  return report->sound() ? kExitOk : kExitDamaged;
}

int RunLettersRepair(const LettersFolderCommand& command) {
  const absl::StatusOr<LettersReport> report =
      RepairLetters(Env::System(), command.directory, command.out);
  if (!report.ok()) return Fail(report.status());
  Print("repair", *report);
  return report->sound() ? kExitOk : kExitDamaged;
}

}  // namespace batchsql::cli
