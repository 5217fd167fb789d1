#pragma once

#include "absl/types/span.h"
#include "core/executor.h"
#include "core/write_plan.h"

namespace batchsql {

// The statements of a flush that differ between databases. An executor implements it over its one
// connection and hands itself to RunWrite. A returned error is what the database said, classified;
// the implementation never retries and never hides one.
class WriteSession {
 public:
  virtual ~WriteSession() = default;

  // Opens a transaction (and the connection, when there is none).
  virtual DatabaseError Begin() = 0;
  // Writes the rows by the schema's conflict rule, in their order, with the fastest statements that
  // give that result. `ranges` are rows of one group, which all carry `columns`.
  virtual DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                  absl::Span<const RowRange> ranges) = 0;
  // Makes deferred constraints fail at once, so that a bad row shows under its savepoint. No-op
  // where the database has none.
  virtual DatabaseError MakeConstraintsImmediate() = 0;
  // One savepoint, set again and again under the same name.
  virtual DatabaseError SetSavepoint() = 0;
  virtual DatabaseError RollbackToSavepoint() = 0;
  virtual DatabaseError ReleaseSavepoint() = 0;
  // The driver's own flag: a transaction is open on a live connection.
  virtual bool InTransaction() = 0;
  virtual void Rollback() = 0;

  struct CommitResult {
    WriteOutcome::Kind kind = WriteOutcome::Kind::kInDoubt;
    DatabaseError error;
  };
  // kCommitted only when the database confirmed that *this* transaction committed; kNotCommitted
  // only when it is certain that it did not (the COMMIT was never handed over, or the server
  // answered on a live connection that it rolled back); else kInDoubt.
  virtual CommitResult Commit() = 0;
};

// Runs the plan through the session in one transaction (docs/architecture.md, "One flush"). First
// as a whole, without savepoints. When a row is at fault, again from the start under savepoints,
// halving until the faulty rows stand alone; those are left out and reported. After every error the
// session's InTransaction is asked, and nothing more is sent in a transaction that is gone.
WriteOutcome RunWrite(WriteSession& session, const WritePlan& plan);

}  // namespace batchsql
