#include "server/alerts/alert_rules.h"

#include <catch2/catch.hpp>

namespace batchsql {
namespace {

PipelineStatus In(PipelineState state, std::string last_error = "", std::string reason = "") {
  PipelineStatus status;
  status.state = state;
  status.last_error = std::move(last_error);
  status.reason = std::move(reason);
  return status;
}

// "alert: reason"; empty: none.
std::string Found(const PipelineStatus& status) {
  const std::optional<Problem> problem = FindProblem("db", "t", status);
  if (!problem.has_value()) return "";
  CHECK(problem->key.database == "db");
  CHECK(problem->key.table == "t");
  return std::string(AlertName(problem->key.kind)) + ": " + problem->reason;
}

TEST_CASE("A stopped pipeline is alerted by why it stopped") {
  PipelineStatus status = In(PipelineState::kStopped, "DATA_LOSS", "why");
  const auto found = [&](StopKind kind) {
    status.stop_kind = kind;
    return Found(status);
  };
  CHECK(found(StopKind::kDamage) == "BatchSQLJournalDamaged: why");
  CHECK(found(StopKind::kDisk) == "BatchSQLDiskFull: why");
  CHECK(found(StopKind::kFiles) == "BatchSQLPipelineStopped: why");
  CHECK(found(StopKind::kFork) == "BatchSQLPipelineStopped: why");
  CHECK(found(StopKind::kDatabase) == "BatchSQLPipelineStopped: why");
}

TEST_CASE("A journal or letters that cannot be written are a full disk, in any state") {
  for (const PipelineState state :
       {PipelineState::kOpening, PipelineState::kRunning, PipelineState::kRetrying}) {
    PipelineStatus status = In(state, "UNAVAILABLE");
    status.journal_error = "no space";
    CHECK(Found(status) == "BatchSQLDiskFull: no space");
  }
  CHECK(Found(In(PipelineState::kPaused, "dead_letters")) ==
        "BatchSQLDiskFull: rows that the database refused cannot be kept as dead letters");
  CHECK(Found(In(PipelineState::kOpening, "RESOURCE_EXHAUSTED", "no space")) ==
        "BatchSQLDiskFull: no space");
}

TEST_CASE("A table that does not fit its configuration is alerted, one that is missing is not") {
  CHECK(Found(In(PipelineState::kOpening, "FAILED_PRECONDITION", "no key")) ==
        "BatchSQLPipelineStopped: no key");
  CHECK(Found(In(PipelineState::kOpening, "NOT_FOUND", "no table")).empty());
  CHECK(Found(In(PipelineState::kOpening, "UNAVAILABLE", "away")).empty());
  CHECK(Found(In(PipelineState::kOpening)).empty());
}

TEST_CASE("What mends itself, or waits for a scrape, is not alerted") {
  CHECK(Found(In(PipelineState::kRunning)).empty());
  CHECK(Found(In(PipelineState::kRetrying, "40001")).empty());
  CHECK(Found(In(PipelineState::kRetrying, "fenced")).empty());
  CHECK(Found(In(PipelineState::kPaused, "42501")).empty());
  // A column that could not be added: the pipeline runs.
  CHECK(Found(In(PipelineState::kRunning, "FAILED_PRECONDITION")).empty());
}

}  // namespace
}  // namespace batchsql
