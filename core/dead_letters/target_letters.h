#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/dead_letters/letter_store.h"
#include "core/disk_budget.h"
#include "core/mutex.h"
#include "core/target.h"
#include "core/uuid.h"

namespace batchsql {

// The dead letters of a pipeline without a journal: rows of the target's table
// batchsql_dead_letters, written by the transaction that commits their neighbours. A letter's id is
// its row's LSN. Keeps their number and size in memory, which only this pipeline changes, once it
// is claimed; each List counts again.
class TargetLetters : public LetterStore {
 public:
  // `budget` and `target` outlive it.
  TargetLetters(Target* target, const Uuid& pipeline, DiskBudget* budget)
      : target_(target), pipeline_(pipeline), budget_(budget) {}
  ~TargetLetters() override { TargetLetters::Close(); }

  absl::Status Keep(uint64_t attempt, std::vector<DeadLetter> letters) override;
  // Never fails: what is committed is in the target.
  absl::Status Confirm(uint64_t attempt) override;
  void Drop(uint64_t attempt) override;
  absl::Status Settle(absl::Span<const SlotRow> /*slots*/) override { return absl::OkStatus(); }

  absl::StatusOr<Page> List(const LetterQuery& query) override;
  absl::StatusOr<Kept> Get(uint64_t id) override;
  // None: without a journal no answer outlives its process.
  absl::StatusOr<std::vector<DeadLetter>> OfRequests(
      absl::Span<const Request> /*requests*/) override {
    return std::vector<DeadLetter>();
  }
  // Nothing to do: they were marked with their rows.
  absl::Status MarkReplayed(absl::Span<const uint64_t> /*ids*/) override {
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Purge(const LetterSelection& selection) override;
  Totals totals() const override;
  // Gives its share of the budget back, to whoever loads the letters next; takes none any more.
  void Close() override;

  bool in_target() const override { return true; }
  absl::Status Load(Executor& executor) override;
  // Makes room where the budget was used up: what was replayed gives way.
  void Prepare() override;
  LetterChanges TakeChanges(uint64_t attempt, absl::Span<const uint64_t> replayed) override;

 private:
  // What an attempt will have changed.
  struct Pending {
    std::vector<LetterRow> rows;  // not taken yet
    Totals added;
    bool replays = false;
  };
  void CountAgain();
  void Adopt(const std::vector<LetterCount>& counts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Target* const target_;
  const Uuid pipeline_;
  DiskBudget* const budget_;

  mutable Mutex mutex_;
  Totals totals_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mutex_);  // by attempt
  uint64_t attempts_ ABSL_GUARDED_BY(mutex_) = 0;  // that had anything to change, ever
  bool stale_ ABSL_GUARDED_BY(mutex_) = false;     // totals_ is to be counted again
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool short_ ABSL_GUARDED_BY(mutex_) = false;  // the budget was used up
};

}  // namespace batchsql
