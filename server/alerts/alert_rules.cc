#include "server/alerts/alert_rules.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace batchsql {
namespace {

bool HasCode(const PipelineStatus& status, absl::StatusCode code) {
  return status.last_error == absl::StatusCodeToString(code);
}

std::optional<AlertKind> KindOfStop(const PipelineStatus& status) {
  switch (status.stop_kind) {
    case StopKind::kDamage:
      return AlertKind::kJournalDamaged;
    case StopKind::kDisk:
      return AlertKind::kDiskFull;
    default:
      return AlertKind::kPipelineStopped;
  }
}

// A pipeline that never opened is in no state that Prometheus' rules look at. A missing table is no
// problem: whoever writes to it is told, and no row waits.
std::optional<AlertKind> KindOfOpening(const PipelineStatus& status) {
  if (HasCode(status, absl::StatusCode::kResourceExhausted)) return AlertKind::kDiskFull;
  if (HasCode(status, absl::StatusCode::kFailedPrecondition)) return AlertKind::kPipelineStopped;
  return std::nullopt;
}

}  // namespace

std::string_view AlertName(AlertKind kind) {
  switch (kind) {
    case AlertKind::kJournalDamaged:
      return "BatchSQLJournalDamaged";
    case AlertKind::kDiskFull:
      return "BatchSQLDiskFull";
    case AlertKind::kPipelineStopped:
      return "BatchSQLPipelineStopped";
  }
  return "";
}

// One at a time: the worst. What is paused otherwise, Prometheus' rules see.
std::optional<Problem> FindProblem(const std::string& database, const std::string& table,
                                   const PipelineStatus& status) {
  std::optional<AlertKind> kind;
  std::string reason = status.reason;
  if (status.state == PipelineState::kStopped) {
    kind = KindOfStop(status);
  } else if (!status.journal_error.empty()) {
    kind = AlertKind::kDiskFull;
    reason = status.journal_error;
  } else if (status.state == PipelineState::kPaused && status.last_error == "dead_letters") {
    kind = AlertKind::kDiskFull;
    reason = "rows that the database refused cannot be kept as dead letters";
  } else if (status.state == PipelineState::kOpening) {
    kind = KindOfOpening(status);
  }
  if (!kind.has_value()) return std::nullopt;
  return Problem{{*kind, database, table}, std::move(reason)};
}

Findings FindProblems(const Ingestor& ingestor) {
  Findings findings;
  for (const Pipeline* pipeline : ingestor.pipelines()) {
    const std::string& database = pipeline->target().name();
    const std::string table = pipeline->options().table.ToString();
    const PipelineStatus status = pipeline->status();
    std::optional<Problem> problem = FindProblem(database, table, status);
    if (problem.has_value()) {
      findings.problems.push_back(*std::move(problem));
    } else if (status.state == PipelineState::kOpening) {
      findings.undecided.emplace(database, table);
    }
  }
  return findings;
}

}  // namespace batchsql
