#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/budget.h"
#include "core/clock.h"
#include "core/dead_letters/letter_space.h"
#include "core/dead_letters/letter_store.h"
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
  struct Rules {
    std::vector<TableRule> tables;
    // For tables that are not listed; its label and table are ignored. Absent: those are NOT_FOUND.
    std::optional<TableRule> any_table;
    uint32_t tables_max = 1000;
  };
  struct Options {
    Rules rules;
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
  ~Ingestor();

  // Makes the pipelines of unlisted tables that journals are left of, and asks the database of
  // every table that is not open for its columns, so that rows find it open. Journals that no table
  // names are kept and reported.
  void OpenAll();

  // Serves tables by other rules from here on; returns when all are served. A table without a rule
  // refuses rows with NOT_FOUND and is drained in the background. One whose rule is another refuses
  // rows with UNAVAILABLE until its pipeline is drained and made anew with the same journal;
  // without a journal it is drained for `drain_max` at most. A rule's target exists, and a table's
  // `journal` is as it was. One call at a time. UNAVAILABLE: draining, and not all of it was done.
  absl::Status Apply(Rules rules, Duration drain_max);

  // The pipeline of a table, by `table` or `target/table`. It lives as long as the ingestor.
  // NOT_FOUND, INVALID_ARGUMENT (no table's name), RESOURCE_EXHAUSTED (more than tables_max),
  // UNAVAILABLE (draining, or Apply has not made it yet).
  absl::StatusOr<Pipeline*> Find(std::string_view table);

  // Pipeline::SaveLedger of all.
  void SaveLedgers();

  // Sorted by label.
  std::vector<Pipeline*> pipelines() const;
  // Of tables that were removed: rows of theirs are still being written.
  std::vector<Pipeline*> leaving() const;
  std::vector<const Target*> targets() const;
  Budget& budget() const { return *resources_.memory; }

  // Drains all pipelines at once; see Pipeline::Drain.
  void Drain(TimePoint deadline);

 private:
  // A pipeline whose table is no longer served, and the thread that drains it.
  struct Leaving {
    std::unique_ptr<Pipeline> pipeline;
    std::thread drain;
  };
  // A pipeline that Apply makes, in place of another or not (null).
  struct Renewal {
    Pipeline* old = nullptr;
    std::thread drain;  // of the old one, where it was leaving
    TableRule rule;
  };

  Pipeline* FindMade(std::string_view table) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<TableRule> UnlistedRule(std::string_view table) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckOnlyName(const std::string& target, const TableName& table) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string UnlistedLabel(const TableName& table) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsListed(std::string_view table) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsLeaving(std::string_view table) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Pipeline*> MakeUnlisted(TableRule rule);
  bool RowsWait(const Target* target) const;
  std::unique_ptr<Pipeline> NewPipeline(TableRule rule);
  std::string JournalDirectory(const TableRule& rule) const;  // empty: it has none
  absl::StatusOr<std::unique_ptr<LedgerFile>> OpenLedger(const TableRule& rule);
  absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const TableRule& rule,
                                                       const LedgerFile* ledger);
  absl::StatusOr<std::unique_ptr<LetterStore>> OpenLetters(const TableRule& rule);
  void OpenLeftJournals();

  // core/ingestor_apply.cc
  std::vector<Renewal> TakeChanges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<TableRule> RuleOf(const Pipeline& pipeline) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave(std::unique_ptr<Pipeline> pipeline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DrainRemoved(Pipeline* pipeline) const;
  void Renew(Renewal renewal, Duration drain_max);

  const Options options_;
  const std::map<std::string, std::unique_ptr<Target>> targets_;
  const Resources resources_;

  mutable Mutex mutex_;
  CondVar made_;
  Rules rules_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> making_ ABSL_GUARDED_BY(mutex_);  // labels; their files are being opened
  std::map<std::string, std::unique_ptr<Pipeline>, std::less<>> pipelines_ ABSL_GUARDED_BY(mutex_);
  std::vector<Leaving> leaving_ ABSL_GUARDED_BY(mutex_);
  // Replaced and drained; kept because callers may still hold them.
  std::vector<std::unique_ptr<Pipeline>> replaced_ ABSL_GUARDED_BY(mutex_);
  bool applying_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql
