#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "core/executor.h"
#include "core/write_plan.h"
#include "executors/shared/sql_session.h"

namespace batchsql {

// The statements of a flush that differ between databases. An executor implements it over its one
// connection and hands itself to RunWrite.
class WriteSession : public SqlSession {
 public:
  // Opens a transaction (and the connection, when there is none) and moves the slot's row, as its
  // first change. `*moved` is false when the row was not as expected; the transaction is open.
  virtual DatabaseError Begin(const SlotMove& move, bool* moved) = 0;
  // Writes the rows by the schema's conflict rule, in their order, with the fastest statements that
  // give that result. `ranges` are rows of one group, which all carry `columns`.
  virtual DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                  absl::Span<const RowRange> ranges) = 0;
  // Behind the rows: fails with kSchemaChangedCode where the table is not what they were checked
  // against, so that the database may have changed them in silence. What is found holds until the
  // transaction ends. No-op where Begin looks.
  virtual DatabaseError CheckTable(const WritePlan& /*plan*/) { return {}; }
  // Corrects the totals that Begin wrote, where rows were left out.
  virtual DatabaseError SetTotals(const SlotMove& move) = 0;
  // Moves the producers by compare-and-set. `*moved` is false when one was not as expected.
  virtual DatabaseError MoveProducers(const TableName& table, absl::Span<const ProducerMove> moves,
                                      bool* moved) = 0;
  // Changes the pipeline's letters. `*live` is false when one of those replayed was not.
  virtual DatabaseError ChangeLetters(const Uuid& pipeline, const TableName& table,
                                      const LetterChanges& changes, bool* live) = 0;
  // Makes deferred constraints fail at once, so that a bad row shows under its savepoint. No-op
  // where the database has none.
  virtual DatabaseError MakeConstraintsImmediate() = 0;
  // One savepoint, set again and again under the same name.
  virtual DatabaseError SetSavepoint() = 0;
  virtual DatabaseError RollbackToSavepoint() = 0;
  virtual DatabaseError ReleaseSavepoint() = 0;
};

// Codes of DatabaseErrors that RunWrite, or an executor below it, makes itself.
inline constexpr std::string_view kFencedCode = "fenced";
inline constexpr std::string_view kProducerMovedCode = "producer_moved";
inline constexpr std::string_view kLetterGoneCode = "letter_gone";
inline constexpr std::string_view kDeadLettersCode = "dead_letters";  // `keep` failed
inline constexpr std::string_view kRowFloodCode = "row_flood";
inline constexpr std::string_view kSchemaDriftCode = "schema_drift";
inline constexpr std::string_view kSchemaChangedCode = "schema_changed";
inline constexpr std::string_view kRowCountCode = "row_count";

// Statements that isolating the bad rows of one batch may take, and as many again those that lack a
// parent; a flood of bad rows pauses.
inline constexpr uint32_t kStatementsMax = 2'000;
// As many refusals with one code on one column, if they are half of the batch too, mean that the
// schema has changed. Rows that meet another row or break a constraint (a duplicate key, a missing
// parent, a CHECK) say nothing about the schema and are not counted.
inline constexpr uint64_t kDriftRowsMin = 100;

// Runs the plan through the session in one transaction (docs/architecture.md, "One flush"). First
// as a whole, without savepoints. When a row is at fault, again from the start under savepoints,
// halving until the faulty rows stand alone. Those that lack a parent are tried once more behind
// the others, while one of them passes. The rest is left out, given to `keep` directly before the
// commit, and reported. After every error the session's InTransaction is asked, and nothing
// more is sent in a transaction that is gone. Inserts into a table without rollback go one by one
// instead.
WriteOutcome RunWrite(WriteSession& session, const WritePlan& plan, const FlushProgress& progress,
                      KeepFailures keep);

}  // namespace batchsql
