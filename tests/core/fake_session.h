#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "executors/shared/write_session.h"
#include "tests/support/rows.h"

namespace batchsql::session_test {

using Kind = WriteOutcome::Kind;
using Schema = std::shared_ptr<const TableSchema>;

inline Value I(int64_t value) { return Value::Int(value); }

// A table of ids in memory with transactions and one savepoint. Rows whose id is in `bad` are
// refused; what else goes wrong is scripted. Fails the test when anything is sent without a
// transaction.
class FakeSession : public WriteSession {
 public:
  std::set<int64_t> bad;           // refused while their row is written
  std::set<int64_t> bad_deferred;  // refused at COMMIT, or at once when constraints are immediate
  std::set<int64_t> ends_transaction;           // refused, and the transaction is gone
  std::map<int, DatabaseError> fail_statement;  // by number, from 1: what WriteRows answers
  DatabaseError begin_error;
  CommitResult commit_result{Kind::kCommitted, {}};
  bool fenced = false;
  bool producer_moved_elsewhere = false;
  DatabaseError producer_error;
  bool letter_gone = false;
  DatabaseError letter_error;
  DatabaseError totals_error;
  RejectReason reason = RejectReason::kDuplicateKey;  // of rows that are refused
  bool vanishes = false;   // the transaction is gone after a statement without an error
  bool keeps_all = false;  // no rollback: what was written before a bad row stays in `kept`
  std::vector<int64_t> kept;

  std::vector<int64_t> table;  // ids in the order of their writing
  SlotTotals totals;           // of the slot, as told last
  int statements = 0;
  int transactions = 0;
  int commits = 0;
  size_t producers_moved = 0;
  size_t letters_written = 0;
  size_t letters_replayed = 0;
  int outside = 0;  // sent without a transaction

  DatabaseError Begin(const SlotMove& move, bool* moved) override {
    if (!begin_error.ok()) return begin_error;
    totals = move.after.totals;
    *moved = !fenced;
    outside += in_transaction_ ? 1 : 0;
    in_transaction_ = true;
    immediate_ = false;
    ++transactions;
    pending_.clear();
    return {};
  }

  DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                          absl::Span<const RowRange> ranges) override {
    Sent();
    ++statements;
    if (const auto scripted = fail_statement.find(statements); scripted != fail_statement.end()) {
      return scripted->second;
    }
    DatabaseError error;
    const uint16_t id[] = {0};
    std::vector<int64_t> written;
    ForEachRow(plan, id, ranges, [&](absl::Span<const ColumnView> views, uint32_t row) {
      const int64_t value = views[0].i64(row);
      written.push_back(value);
      if (bad.contains(value) || (immediate_ && bad_deferred.contains(value))) error = RowError();
      if (ends_transaction.contains(value)) {
        error = RowError();
        in_transaction_ = false;
      }
    });
    static_cast<void>(columns);
    if (vanishes) in_transaction_ = false;
    if (keeps_all) Keep(written);
    if (error.ok()) pending_.insert(pending_.end(), written.begin(), written.end());
    return error;
  }

  DatabaseError SetTotals(const SlotMove& move) override {
    Sent();
    totals = move.after.totals;
    return totals_error;
  }
  DatabaseError MoveProducers(const TableName& /*table*/, absl::Span<const ProducerMove> moves,
                              bool* moved) override {
    Sent();
    producers_moved += moves.size();
    *moved = !producer_moved_elsewhere;
    return producer_error;
  }
  DatabaseError ChangeLetters(const Uuid& /*pipeline*/, const TableName& /*table*/,
                              const LetterChanges& changes, bool* live) override {
    Sent();
    letters_written += changes.added.size();
    letters_replayed += changes.replayed.size();
    *live = !letter_gone;
    return letter_error;
  }
  DatabaseError BeginLocking() override { return NotForFlushes(); }
  DatabaseError Query(const std::string& /*sql*/, absl::Span<const std::string_view> /*parameters*/,
                      std::vector<TextRow>* /*rows*/) override {
    return NotForFlushes();
  }
  DatabaseError Change(const std::string& /*sql*/,
                       absl::Span<const std::string_view> /*parameters*/,
                       uint64_t* /*rows*/) override {
    return NotForFlushes();
  }
  DatabaseError QueryEach(const std::string& /*sql*/, OnRow /*on_row*/) override {
    return NotForFlushes();
  }
  DatabaseError MakeConstraintsImmediate() override {
    Sent();
    immediate_ = true;
    return {};
  }
  DatabaseError SetSavepoint() override {
    Sent();
    savepoint_ = pending_;
    return {};
  }
  DatabaseError RollbackToSavepoint() override {
    Sent();
    pending_ = savepoint_;
    return {};
  }
  DatabaseError ReleaseSavepoint() override {
    Sent();
    return {};
  }
  bool InTransaction() override { return in_transaction_; }
  void Rollback() override {
    Sent();
    in_transaction_ = false;
    pending_.clear();
  }
  CommitResult Commit() override {
    Sent();
    ++commits;
    for (int64_t id : pending_) {
      if (bad_deferred.contains(id) && !immediate_) {
        in_transaction_ = false;
        return {Kind::kNotCommitted, RowError()};
      }
    }
    in_transaction_ = false;
    if (commit_result.kind == Kind::kCommitted) table = pending_;
    return commit_result;
  }

 private:
  void Keep(const std::vector<int64_t>& ids) {
    for (const int64_t id : ids) {
      if (bad.contains(id)) return;
      kept.push_back(id);
    }
  }
  DatabaseError RowError() const { return {ErrorClass::kRow, "23505", "", reason, "id"}; }
  static DatabaseError NotForFlushes() { return {ErrorClass::kFatal, "unexpected", ""}; }
  void Sent() { outside += in_transaction_ ? 0 : 1; }

  bool in_transaction_ = false;
  bool immediate_ = false;
  std::vector<int64_t> pending_;
  std::vector<int64_t> savepoint_;
};

// A plan and what it refers to.
struct Rows {
  Schema schema;
  RowBlock block;
  WritePlan plan;
};

inline Rows Ids(int64_t count, Conflict conflict = Conflict::kInsert, int64_t groups = 1) {
  Rows rows;
  rows.schema = std::make_shared<const TableSchema>(TestTableAB(conflict));
  std::vector<TestRow> cells;
  for (int64_t id = 0; id < count; ++id) {
    cells.push_back({{"id", I(id)}});
    if (id % groups == 1) cells.back().emplace_back("a", I(id));
  }
  rows.block = BuildBlock(*rows.schema, cells);
  rows.plan = PlanWrite(rows.schema, {&rows.block});
  return rows;
}

// Keeps failures as told, and counts.
struct Keeper {
  absl::Status answer;
  LetterChanges changes;
  int calls = 0;
  size_t failures = 0;
  bool in_transaction = false;
};

inline WriteOutcome Run(FakeSession& session, const WritePlan& plan, const FlushProgress& progress,
                        Keeper& keeper) {
  return RunWrite(session, plan, progress,
                  [&](absl::Span<const RowFailure> failures, LetterChanges* changes) {
                    *changes = keeper.changes;
                    ++keeper.calls;
                    keeper.failures = failures.size();
                    keeper.in_transaction = session.InTransaction();
                    return keeper.answer;
                  });
}

inline WriteOutcome Run(FakeSession& session, const WritePlan& plan) {
  Keeper keeper;
  WriteOutcome outcome = Run(session, plan, {}, keeper);
  CHECK(keeper.calls <= 1);
  if (outcome.kind == Kind::kCommitted) CHECK(keeper.failures == outcome.failures.size());
  return outcome;
}

inline std::set<int64_t> FailedIds(const Rows& rows, const WriteOutcome& outcome) {
  std::set<int64_t> ids;
  for (const RowFailure& failure : outcome.failures) {
    ids.insert(rows.plan.blocks[failure.row.block]->column(0).i64(failure.row.row));
  }
  return ids;
}

}  // namespace batchsql::session_test
