#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/budget.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/pipeline.h"
#include "core/target.h"

namespace batchsql {

// The front door for every protocol: finds the pipeline that a table's rows go to. Owns the targets
// and the pipelines. Thread-safe.
class Ingestor {
 public:
  struct TableRule {
    std::string target;
    Pipeline::Options options;  // `label` is what clients call the table
  };
  struct Options {
    std::vector<TableRule> tables;
    // For tables that are not listed; its label and table are ignored. Absent: those are NOT_FOUND.
    std::optional<TableRule> any_table;
    uint32_t tables_max = 1000;
  };

  Ingestor(Options options, std::vector<std::unique_ptr<Target>> targets, Budget* budget,
           Metrics* metrics, Clock* clock);

  // Asks every configured table's database for its columns, so that rows find it open.
  void OpenAll();

  // The pipeline of a table, by `table` or `target/table`. It lives as long as the ingestor.
  // NOT_FOUND, INVALID_ARGUMENT (no table's name), RESOURCE_EXHAUSTED (more than tables_max),
  // UNAVAILABLE (draining).
  absl::StatusOr<Pipeline*> Find(std::string_view table);

  // Sorted by label.
  std::vector<Pipeline*> pipelines() const;
  std::vector<const Target*> targets() const;
  Budget& budget() { return *budget_; }

  // Drains all pipelines at once; see Pipeline::Drain.
  void Drain(TimePoint deadline);

 private:
  absl::StatusOr<Pipeline*> Make(TableRule rule) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Pipeline*> MakeUnlisted(std::string_view table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::map<std::string, std::unique_ptr<Target>> targets_;
  Budget* const budget_;
  Metrics* const metrics_;
  Clock* const clock_;

  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<Pipeline>, std::less<>> pipelines_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql
