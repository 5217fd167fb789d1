#include "executors/shared/write_session.h"

#include <algorithm>
#include <utility>
#include <vector>

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

// One attempt at a plan inside one open transaction, isolating faulty rows by bisection.
class Bisection {
 public:
  Bisection(WriteSession& session, const WritePlan& plan) : session_(session), plan_(plan) {}

  // The error that ended the transaction, if any.
  DatabaseError Run() {
    if (DatabaseError error = session_.MakeConstraintsImmediate(); !error.ok()) return error;
    for (const WriteGroup& group : plan_.groups) {
      if (DatabaseError error = Write(group.columns, group.rows); !error.ok()) return error;
    }
    return {};
  }

  std::vector<RowFailure> TakeFailures() { return std::move(failures_); }
  uint64_t coalesced_rows() const { return plan_.coalesced_rows - uncoalesced_; }

 private:
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
    if (DatabaseError error = session_.SetSavepoint(); !error.ok()) return error;
    DatabaseError error = session_.WriteRows(plan_, columns, ranges);
    if (error.ok()) return session_.ReleaseSavepoint();
    if (!IsRowFault(error)) return error;
    if (!session_.InTransaction()) {
      return {ErrorClass::kRetry, error.code, "a row's fault ended the transaction"};
    }
    *fault = std::move(error);
    return session_.RollbackToSavepoint();
  }

  // A faulty row: report it, or try the rows that it was coalesced from, in LSN order.
  DatabaseError Isolated(RowRef row, DatabaseError fault) {
    const auto originals = plan_.originals.find(row);
    if (originals == plan_.originals.end()) {
      failures_.push_back({row, std::move(fault)});
      return {};
    }
    uncoalesced_ += originals->second.size() - 1;
    for (const RowRef& original : originals->second) {
      const std::vector<uint16_t> columns =
          CarriedColumns(*plan_.blocks[original.block], original.row);
      const RowRange range{original.block, original.row, original.row + 1};
      DatabaseError original_fault;
      if (DatabaseError error = TryRows(columns, {&range, 1}, &original_fault); !error.ok()) {
        return error;
      }
      if (!original_fault.ok()) failures_.push_back({original, std::move(original_fault)});
    }
    return {};
  }

  WriteSession& session_;
  const WritePlan& plan_;
  std::vector<RowFailure> failures_;
  uint64_t uncoalesced_ = 0;
};

DatabaseError WriteWhole(WriteSession& session, const WritePlan& plan) {
  for (const WriteGroup& group : plan.groups) {
    if (DatabaseError error = session.WriteRows(plan, group.columns, group.rows); !error.ok()) {
      return error;
    }
  }
  return {};
}

WriteOutcome Abandon(WriteSession& session, DatabaseError error) {
  if (session.InTransaction()) session.Rollback();
  return {Kind::kNotCommitted, std::move(error), {}, 0};
}

WriteOutcome CommitOrAbandon(WriteSession& session, std::vector<RowFailure> failures,
                             uint64_t coalesced_rows) {
  if (!session.InTransaction()) {
    return Abandon(session, {ErrorClass::kRetry, "", "the transaction ended before its commit"});
  }
  WriteSession::CommitResult result = session.Commit();
  if (result.kind == Kind::kCommitted) {
    return {result.kind, {}, std::move(failures), coalesced_rows};
  }
  if (result.kind == Kind::kNotCommitted) return Abandon(session, std::move(result.error));
  return {result.kind, std::move(result.error), {}, 0};
}

WriteOutcome RunIsolating(WriteSession& session, const WritePlan& plan) {
  if (DatabaseError error = session.Begin(); !error.ok()) return Abandon(session, std::move(error));
  Bisection bisection(session, plan);
  if (DatabaseError error = bisection.Run(); !error.ok()) {
    return Abandon(session, std::move(error));
  }
  return CommitOrAbandon(session, bisection.TakeFailures(), bisection.coalesced_rows());
}

}  // namespace

WriteOutcome RunWrite(WriteSession& session, const WritePlan& plan) {
  if (DatabaseError error = session.Begin(); !error.ok()) return Abandon(session, std::move(error));
  DatabaseError error = WriteWhole(session, plan);
  WriteOutcome outcome = error.ok() ? CommitOrAbandon(session, {}, plan.coalesced_rows)
                                    : Abandon(session, std::move(error));
  if (outcome.kind == Kind::kNotCommitted && IsRowFault(outcome.error)) {
    return RunIsolating(session, plan);
  }
  return outcome;
}

}  // namespace batchsql
