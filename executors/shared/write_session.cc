#include "executors/shared/write_session.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/fault_point.h"
#include "core/slot_totals.h"

namespace batchsql {
namespace {

using Kind = WriteOutcome::Kind;

// PostgreSQL's "cannot affect row a second time" on several rows is classed kRow too: halving ends
// it, because one row alone never meets itself.
bool IsRowFault(const DatabaseError& error) { return error.error_class == ErrorClass::kRow; }

// Splits `ranges` into two halves of about equally many rows, keeping their order.
std::pair<std::vector<RowRange>, std::vector<RowRange>> Halve(absl::Span<const RowRange> ranges) {
  std::pair<std::vector<RowRange>, std::vector<RowRange>> halves;
  uint64_t left = CountRows(ranges) / 2;
  for (const RowRange& range : ranges) {
    const auto taken = static_cast<uint32_t>(std::min<uint64_t>(left, range.size()));
    left -= taken;
    if (taken > 0) halves.first.push_back({range.block, range.begin, range.begin + taken});
    if (taken < range.size()) {
      halves.second.push_back({range.block, range.begin + taken, range.end});
    }
  }
  return halves;
}

DatabaseError OwnError(ErrorClass error_class, std::string_view code, std::string message) {
  return {error_class, std::string(code), std::move(message)};
}

// Counts refusals by code and column, to tell a changed schema from bad rows.
class DriftCount {
 public:
  explicit DriftCount(const WritePlan& plan) {
    uint64_t rows = plan.coalesced_rows;
    for (const WriteGroup& group : plan.groups) rows += CountRows(group.rows);
    rows_min_ = std::max(kDriftRowsMin, (rows + 1) / 2);
  }

  // Not ok once there are too many.
  DatabaseError Add(const DatabaseError& refusal) {
    if (refusal.reason == RejectReason::kDuplicateKey ||
        refusal.reason == RejectReason::kForeignKey ||
        refusal.reason == RejectReason::kConstraint) {
      return {};
    }
    const uint64_t count = ++counts_[{refusal.code, refusal.column}];
    if (count < rows_min_) return {};
    DatabaseError error =
        OwnError(ErrorClass::kPause, kSchemaDriftCode,
                 absl::StrCat(count, " rows of one batch were refused with ", refusal.code));
    error.column = refusal.column;
    return error;
  }

 private:
  uint64_t rows_min_ = 0;
  std::map<std::pair<std::string, std::string>, uint64_t> counts_;
};

// Nothing that a statement wrote is taken back, so savepoints are of no use (Aria refuses them).
bool LacksRollback(const WritePlan& plan) {
  return plan.schema != nullptr && plan.schema->weakness() == TableWeakness::kNoRollback;
}

// Then a row that is tried twice is there twice, unless a key tells it from a new one.
bool MustWriteEachOnce(const WritePlan& plan) {
  return LacksRollback(plan) && plan.schema->conflict() == Conflict::kInsert;
}

// The plan has one row a key at most: it was coalesced (core/coalesce.cc), as all keys are whole.
bool HasOneRowPerKey(const WritePlan& plan) {
  bool whole = plan.schema->CanCoalesce();
  for (const WriteGroup& group : plan.groups) {
    for (const uint16_t key : plan.schema->conflict_key()) {
      whole = whole &&
              std::find(group.columns.begin(), group.columns.end(), key) != group.columns.end();
    }
    if (!whole) return false;
    ForEachRow(plan, plan.schema->conflict_key(), group.rows,
               [&](absl::Span<const ColumnView> key, uint32_t row) {
                 for (const ColumnView& column : key) {
                   whole = whole && column.state(row) == CellState::kValue;
                 }
               });
  }
  return whole;
}

// Whether a row may be written behind rows that came after it: not where it could overwrite a newer
// row of its key.
bool MayWait(const WritePlan& plan) {
  if (LacksRollback(plan)) return false;
  const Conflict conflict = plan.schema->conflict();
  return conflict == Conflict::kInsert || conflict == Conflict::kIgnore || HasOneRowPerKey(plan);
}

// One attempt at a plan inside one open transaction, isolating faulty rows by bisection, or row by
// row where each must be sent once.
class Bisection {
 public:
  Bisection(WriteSession& session, const WritePlan& plan)
      : session_(session),
        plan_(plan),
        lacks_rollback_(LacksRollback(plan)),
        each_once_(MustWriteEachOnce(plan)),
        may_wait_(MayWait(plan)),
        drift_(plan) {}

  // The error that ended the transaction, if any.
  DatabaseError Run() {
    if (!lacks_rollback_) return RunGroups();
    // It shows at the end whether the transaction is still the same.
    if (DatabaseError error = session_.SetSavepoint(); !error.ok()) return error;
    DatabaseError error = RunGroups();
    return error.ok() && !failures_.empty() ? session_.ReleaseSavepoint() : error;
  }

  std::vector<RowFailure> TakeFailures() { return std::move(failures_); }
  uint64_t coalesced_rows() const { return plan_.coalesced_rows - uncoalesced_; }

 private:
  DatabaseError RunGroups() {
    if (DatabaseError error = session_.MakeConstraintsImmediate(); !error.ok()) return error;
    for (const WriteGroup& group : plan_.groups) {
      DatabaseError error =
          each_once_ ? WriteEach(group.columns, group.rows) : Write(group.columns, group.rows);
      if (!error.ok()) return error;
    }
    return waiting_.empty() ? DatabaseError() : WriteWaiting();
  }

  // Backwards first, as rows wait for parents that come later; then again while one passes.
  DatabaseError WriteWaiting() {
    statements_ = 0;
    for (size_t before = SIZE_MAX; !waiting_.empty() && waiting_.size() < before;) {
      before = waiting_.size();
      std::reverse(waiting_.begin(), waiting_.end());
      if (DatabaseError error = TryWaiting(); !error.ok()) return error;
    }
    std::sort(waiting_.begin(), waiting_.end(),
              [](const RowFailure& a, const RowFailure& b) { return a.row < b.row; });
    for (RowFailure& orphan : std::exchange(waiting_, {})) {
      if (DatabaseError error = Settle(orphan.row, std::move(orphan.error)); !error.ok()) {
        return error;
      }
    }
    return {};
  }

  // Each that waits, once.
  DatabaseError TryWaiting() {
    std::vector<RowFailure> left;
    for (const RowFailure& orphan : waiting_) {
      DatabaseError fault;
      if (DatabaseError error = TryRow(orphan.row, &fault); !error.ok()) return error;
      if (!fault.ok()) left.push_back({orphan.row, std::move(fault)});
    }
    waiting_ = std::move(left);
    return {};
  }

  DatabaseError WriteEach(absl::Span<const uint16_t> columns, absl::Span<const RowRange> ranges) {
    for (const RowRange& range : ranges) {
      for (uint32_t row = range.begin; row < range.end; ++row) {
        const RowRange one{range.block, row, row + 1};
        if (DatabaseError error = Write(columns, {&one, 1}); !error.ok()) return error;
      }
    }
    return {};
  }

  // Writes the rows under a savepoint, halving on a row's fault. Depth is log2(rows).
  DatabaseError Write(absl::Span<const uint16_t> columns, absl::Span<const RowRange> ranges) {
    DatabaseError fault;
    if (DatabaseError error = TryRows(columns, ranges, &fault); !error.ok()) return error;
    if (fault.ok()) return {};
    if (CountRows(ranges) == 1) {
      return Isolated({ranges.front().block, ranges.front().begin}, std::move(fault));
    }
    const auto [first, second] = Halve(ranges);
    if (DatabaseError error = Write(columns, first); !error.ok()) return error;
    return Write(columns, second);
  }

  // One statement's worth of rows. A row's fault is undone and told in `fault`; what is returned
  // ends the transaction.
  DatabaseError TryRows(absl::Span<const uint16_t> columns, absl::Span<const RowRange> ranges,
                        DatabaseError* fault) {
    // A pause would send again what is there already.
    if (++statements_ > kStatementsMax && !each_once_) {
      return OwnError(ErrorClass::kPause, kRowFloodCode,
                      absl::StrCat(failures_.size() + waiting_.size(),
                                   " rows are refused so far, and more follow"));
    }
    DatabaseError begun = lacks_rollback_ ? DatabaseError() : session_.SetSavepoint();
    if (!begun.ok()) return begun;
    DatabaseError error = session_.WriteRows(plan_, columns, ranges);
    if (error.ok()) return lacks_rollback_ ? DatabaseError() : session_.ReleaseSavepoint();
    if (!IsRowFault(error)) return error;
    if (!session_.InTransaction()) {
      const ErrorClass error_class = IsOneBlock() ? ErrorClass::kPause : ErrorClass::kRetry;
      return {error_class, error.code, "a row's fault ended the transaction"};
    }
    *fault = std::move(error);
    return lacks_rollback_ ? DatabaseError() : session_.RollbackToSavepoint();
  }

  // Retries halve the batch down to one block; that would be tried for ever.
  bool IsOneBlock() const { return plan_.blocks.size() - (plan_.merged == nullptr ? 0 : 1) == 1; }

  DatabaseError TryRow(RowRef row, DatabaseError* fault) {
    const std::vector<uint16_t> columns = CarriedColumns(*plan_.blocks[row.block], row.row);
    const RowRange range{row.block, row.row, row.row + 1};
    return TryRows(columns, {&range, 1}, fault);
  }

  // A faulty row. The parent that it lacks may be one of the batch that comes later, or that lacks
  // its own still.
  DatabaseError Isolated(RowRef row, DatabaseError fault) {
    if (!may_wait_ || fault.reason != RejectReason::kForeignKey) {
      return Settle(row, std::move(fault));
    }
    waiting_.push_back({row, std::move(fault)});
    return {};
  }

  // Reports a faulty row, or tries the rows that it was coalesced from, in LSN order.
  DatabaseError Settle(RowRef row, DatabaseError fault) {
    const auto originals = plan_.originals.find(row);
    if (originals == plan_.originals.end()) {
      return Refuse(row, std::move(fault));
    }
    uncoalesced_ += originals->second.size() - 1;
    for (const RowRef& original : originals->second) {
      DatabaseError original_fault;
      if (DatabaseError error = TryRow(original, &original_fault); !error.ok()) return error;
      if (original_fault.ok()) continue;
      if (DatabaseError error = Refuse(original, std::move(original_fault)); !error.ok()) {
        return error;
      }
    }
    return {};
  }

  DatabaseError Refuse(RowRef row, DatabaseError fault) {
    failures_.push_back({row, std::move(fault)});
    return each_once_ ? DatabaseError() : drift_.Add(failures_.back().error);
  }

  WriteSession& session_;
  const WritePlan& plan_;
  const bool lacks_rollback_;
  const bool each_once_;
  const bool may_wait_;
  std::vector<RowFailure> failures_;
  std::vector<RowFailure> waiting_;  // rows that were refused for a missing parent
  uint64_t uncoalesced_ = 0;
  uint32_t statements_ = 0;
  DriftCount drift_;
};

// One attempt, from BEGIN to COMMIT or ROLLBACK.
class Attempt {
 public:
  Attempt(WriteSession& session, const WritePlan& plan, const FlushProgress& progress,
          KeepFailures keep)
      : session_(session), plan_(plan), progress_(progress), move_(progress.slot), keep_(keep) {}

  WriteOutcome Run(bool isolating) {
    bool moved = true;
    move_.after.totals = TotalsAfter(plan_, progress_, {}, plan_.coalesced_rows);
    if (DatabaseError error = session_.Begin(move_, &moved); !error.ok()) {
      return Abandon(Kind::kNotCommitted, std::move(error));
    }
    if (!moved) {
      return Abandon(Kind::kFenced, OwnError(ErrorClass::kFatal, kFencedCode,
                                             "the slot's row is no longer as it was left"));
    }
    std::vector<RowFailure> failures;
    uint64_t coalesced_rows = plan_.coalesced_rows;
    DatabaseError error = isolating ? WriteIsolating(&failures, &coalesced_rows) : WriteWhole();
    if (!error.ok()) return Abandon(Kind::kNotCommitted, std::move(error));
    return Finish(std::move(failures), coalesced_rows);
  }

 private:
  DatabaseError WriteWhole() {
    for (const WriteGroup& group : plan_.groups) {
      DatabaseError error = session_.WriteRows(plan_, group.columns, group.rows);
      if (!error.ok()) return error;
    }
    return {};
  }

  DatabaseError WriteIsolating(std::vector<RowFailure>* failures, uint64_t* coalesced_rows) {
    Bisection bisection(session_, plan_);
    if (DatabaseError error = bisection.Run(); !error.ok()) return error;
    *failures = bisection.TakeFailures();
    *coalesced_rows = bisection.coalesced_rows();
    return {};
  }

  WriteOutcome Abandon(Kind kind, DatabaseError error) {
    if (session_.InTransaction()) session_.Rollback();
    return {kind, std::move(error), {}, 0};
  }

  WriteOutcome Vanished() {
    return Abandon(Kind::kNotCommitted,
                   OwnError(ErrorClass::kRetry, "", "the transaction ended before its commit"));
  }

  // What a table without rollback holds stays, whatever it is now.
  DatabaseError CheckTable() {
    if (plan_.groups.empty() || LacksRollback(plan_)) return {};
    return session_.CheckTable(plan_);
  }

  DatabaseError CorrectTotals(absl::Span<const RowFailure> failures, uint64_t coalesced_rows) {
    const SlotTotals totals = TotalsAfter(plan_, progress_, failures, coalesced_rows);
    if (totals == move_.after.totals) return {};
    move_.after.totals = totals;
    DatabaseError error = session_.SetTotals(move_);
    if (error.ok() && !session_.InTransaction()) {
      return OwnError(ErrorClass::kRetry, "", "the transaction ended before its commit");
    }
    return error;
  }

  // What goes before the commit: nullopt where nothing speaks against it.
  std::optional<WriteOutcome> MoveProducers() {
    if (progress_.producers.empty()) return std::nullopt;
    bool moved = true;
    DatabaseError error = session_.MoveProducers(plan_.schema->name(), progress_.producers, &moved);
    if (!error.ok()) return Abandon(Kind::kNotCommitted, std::move(error));
    if (!moved) {
      return Abandon(Kind::kProducerMoved, OwnError(ErrorClass::kRetry, kProducerMovedCode,
                                                    "a producer's position has moved"));
    }
    if (!session_.InTransaction()) return Vanished();
    return std::nullopt;
  }

  std::optional<WriteOutcome> ChangeLetters(const LetterChanges& changes) {
    if (changes.empty()) return std::nullopt;
    bool live = true;
    DatabaseError error =
        session_.ChangeLetters(progress_.slot.pipeline, plan_.schema->name(), changes, &live);
    if (!error.ok()) return Abandon(Kind::kNotCommitted, std::move(error));
    if (!live) {
      return Abandon(Kind::kLetterGone, OwnError(ErrorClass::kRetry, kLetterGoneCode,
                                                 "a replayed dead letter is not live"));
    }
    if (!session_.InTransaction()) return Vanished();
    return std::nullopt;
  }

  std::optional<WriteOutcome> Keep(const std::vector<RowFailure>& failures) {
    if (failures.empty()) return std::nullopt;
    LetterChanges changes;
    if (absl::Status kept = keep_(failures, &changes); !kept.ok()) {
      return Abandon(Kind::kNotCommitted,
                     OwnError(ErrorClass::kPause, kDeadLettersCode, std::string(kept.message())));
    }
    return ChangeLetters(changes);
  }

  WriteOutcome Finish(std::vector<RowFailure> failures, uint64_t coalesced_rows) {
    if (!session_.InTransaction()) return Vanished();
    if (DatabaseError error = CheckTable(); !error.ok()) {
      return Abandon(Kind::kNotCommitted, std::move(error));
    }
    if (DatabaseError error = CorrectTotals(failures, coalesced_rows); !error.ok()) {
      return Abandon(Kind::kNotCommitted, std::move(error));
    }
    std::optional<WriteOutcome> refused = MoveProducers();
    if (!refused.has_value()) refused = ChangeLetters(progress_.letters);
    if (!refused.has_value()) refused = Keep(failures);
    if (refused.has_value()) return *std::move(refused);
    FaultPoint("flush.before_commit");
    SqlSession::CommitResult result = session_.Commit();
    FaultPoint("flush.after_commit");
    if (result.kind == Kind::kNotCommitted) {
      return Abandon(Kind::kNotCommitted, std::move(result.error));
    }
    return {result.kind, std::move(result.error), std::move(failures), coalesced_rows};
  }

  WriteSession& session_;
  const WritePlan& plan_;
  const FlushProgress& progress_;
  SlotMove move_;  // with the totals that were told last
  KeepFailures keep_;
};

}  // namespace

WriteOutcome RunWrite(WriteSession& session, const WritePlan& plan, const FlushProgress& progress,
                      KeepFailures keep) {
  Attempt attempt(session, plan, progress, keep);
  const bool each_once = MustWriteEachOnce(plan);
  WriteOutcome outcome = attempt.Run(/*isolating=*/each_once);
  if (each_once) return outcome;
  if (outcome.kind == Kind::kNotCommitted && IsRowFault(outcome.error)) {
    return attempt.Run(/*isolating=*/true);
  }
  return outcome;
}

}  // namespace batchsql
