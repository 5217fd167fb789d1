#include "core/audit.h"

#include "absl/strings/str_cat.h"
#include "core/flush_window.h"

namespace batchsql {
namespace {

using Digest = AuditReport::Digest;

void CompareCounts(const AuditRule& rule, AuditReport* report) {
  const uint64_t committed = report->ledger.committed;
  report->missing = committed > report->rows ? committed - report->rows : 0;
  report->extra = report->rows > committed ? report->rows - committed : 0;
  if (report->missing > 0) {
    report->findings.push_back(absl::StrCat(report->missing, " committed rows are not there"));
  }
  // Of a table that is not exclusive they are somebody else's.
  if (report->extra > 0 && rule.exclusive) {
    report->findings.push_back(absl::StrCat(report->extra, " rows more than were committed"));
  }
}

void CompareDigests(const TableContents& contents, AuditReport* report) {
  if (report->ledger.digested != report->ledger.committed) {
    report->digest = Digest::kPartial;
    return;
  }
  report->digest = contents.digest == report->ledger.digest ? Digest::kEqual : Digest::kDiffers;
  if (report->digest == Digest::kDiffers) {
    report->findings.emplace_back("the rows' contents are not those that were committed");
  }
}

// Every LSN up to the frontier, and of each slot's last range, was committed exactly once.
void CompareNumbers(const TableContents& contents, AuditReport* report) {
  const FlushWindow window(contents.slots);
  const uint64_t once = window.last_lsn() - window.CountNotCommitted(1, window.last_lsn());
  if (report->ledger.lsns == once) return;
  report->findings.push_back(absl::StrCat(
      "ranges of ", report->ledger.lsns, " LSNs were committed, where the watermark tells ", once));
}

}  // namespace

AuditReport JudgeContents(const TableContents& contents, const AuditRule& rule) {
  const FlushWindow window(contents.slots);
  AuditReport report;
  report.ledger = window.totals();
  report.frontier = window.frontier();
  report.rows = contents.rows;
  const bool counts = rule.conflict == Conflict::kInsert;
  if (rule.numbers_all) CompareNumbers(contents, &report);
  if (counts) CompareCounts(rule, &report);
  if (counts && rule.exclusive) CompareDigests(contents, &report);
  report.verdict = !report.findings.empty() ? AuditReport::Verdict::kMismatch
                   : counts                 ? AuditReport::Verdict::kOk
                                            : AuditReport::Verdict::kUncounted;
  return report;
}

}  // namespace batchsql
