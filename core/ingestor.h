#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/budget.h"
#include "core/clock.h"
#include "core/disk_budget.h"
#include "core/env.h"
#include "core/journal/journal.h"
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
    bool journal = true;
    Pipeline::Options options;  // `label` is what clients call the table; `id` is set here
  };
  struct Options {
    std::vector<TableRule> tables;
    // For tables that are not listed; its label and table are ignored. Absent: those are NOT_FOUND.
    std::optional<TableRule> any_table;
    uint32_t tables_max = 1000;
    std::string journal_root;  // directory of the journals' directories; empty: no journal at all
    Journal::Options journal;  // `directory` is set here
    std::string letters_root;  // directory of the dead letters' directories
    // Names this daemon among those that write without a journal; the pipelines' ids follow from
    // it.
    std::string instance;
  };
  // What the pipelines share.
  struct Resources {
    Env* env;
    DiskBudget* disk;
    Budget* memory;
    Metrics* metrics;
    Clock* clock;
    LetterSpace* letters = nullptr;  // null: dead letters are not kept
  };

  Ingestor(Options options, std::vector<std::unique_ptr<Target>> targets,
           const Resources& resources);

  // Makes the pipelines of unlisted tables that journals are left of, and asks every table's
  // database for its columns, so that rows find it open. Journals that no table names are kept and
  // reported.
  void OpenAll();

  // The pipeline of a table, by `table` or `target/table`. It lives as long as the ingestor.
  // NOT_FOUND, INVALID_ARGUMENT (no table's name), RESOURCE_EXHAUSTED (more than tables_max),
  // UNAVAILABLE (draining).
  absl::StatusOr<Pipeline*> Find(std::string_view table);

  // Pipeline::SaveLedger of all.
  void SaveLedgers();

  // Sorted by label.
  std::vector<Pipeline*> pipelines() const;
  std::vector<const Target*> targets() const;
  Budget& budget() { return *resources_.memory; }

  // Drains all pipelines at once; see Pipeline::Drain.
  void Drain(TimePoint deadline);

 private:
  Pipeline* FindMade(std::string_view table) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<TableRule> UnlistedRule(std::string_view table) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Pipeline*> MakeUnlisted(TableRule rule);
  std::unique_ptr<Pipeline> NewPipeline(TableRule rule);
  std::string JournalDirectory(const TableRule& rule) const;  // empty: it has none
  absl::StatusOr<std::unique_ptr<LedgerFile>> OpenLedger(const TableRule& rule);
  absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const TableRule& rule,
                                                       const LedgerFile* ledger);
  absl::StatusOr<std::unique_ptr<DeadLetters>> OpenLetters(const TableRule& rule);
  void OpenLeftJournals();

  const Options options_;
  const std::map<std::string, std::unique_ptr<Target>> targets_;
  const Resources resources_;

  mutable Mutex mutex_;
  CondVar made_;
  std::set<std::string> making_ ABSL_GUARDED_BY(mutex_);  // labels; their files are being opened
  std::map<std::string, std::unique_ptr<Pipeline>, std::less<>> pipelines_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql
