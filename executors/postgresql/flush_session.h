#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/executor.h"
#include "executors/postgresql/connection.h"
#include "executors/postgresql/copy_encoder.h"
#include "executors/shared/write_session.h"

namespace batchsql::postgresql {

// One transaction at a time on a connection that the executor owns. Keeps the encoder's buffer from
// one flush to the next. One thread at a time.
class FlushSession : public WriteSession {
 public:
  // An open connection in no transaction, or why there is none. Called when a transaction begins.
  using Connect = std::function<std::pair<Connection*, DatabaseError>()>;

  FlushSession(int64_t statement_timeout_ms, uint32_t unnest_cells_max, Connect connect)
      : statement_timeout_ms_(statement_timeout_ms),
        unnest_cells_max_(unnest_cells_max),
        connect_(std::move(connect)) {}

  WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress, KeepFailures keep);
  absl::StatusOr<TableContents> ReadContents(const Uuid& pipeline, const TableSchema& schema,
                                             bool digest);

  // The connection is about to end.
  void Forget() { connection_ = nullptr; }

  // Names the last flush's transaction to the server; both empty: there was none.
  struct Transaction {
    std::string process;
    std::string start;
  };
  const Transaction& last_transaction() const { return last_transaction_; }

  DatabaseError Begin(const SlotMove& move, bool* moved) override;
  DatabaseError BeginLocking() override;
  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<TextRow>* rows) override;
  DatabaseError QueryEach(const std::string& sql, OnRow on_row) override;
  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows) override;
  DatabaseError SetTotals(const SlotMove& move) override;
  DatabaseError MoveProducers(const TableName& table, absl::Span<const ProducerMove> moves,
                              bool* moved) override;
  DatabaseError ChangeLetters(const Uuid& pipeline, const TableName& table,
                              const LetterChanges& changes, bool* live) override;
  DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                          absl::Span<const RowRange> ranges) override;
  DatabaseError MakeConstraintsImmediate() override;
  DatabaseError SetSavepoint() override;
  DatabaseError RollbackToSavepoint() override;
  DatabaseError ReleaseSavepoint() override;
  bool InTransaction() override;
  void Rollback() override;
  CommitResult Commit() override;

 private:
  // How the rows of a group come into the table.
  enum class Path : uint8_t {
    kDefaults,  // INSERT of rows without any column
    kCopy,      // COPY
    kArrays,    // INSERT … SELECT from arrays
    kStage,     // COPY into a temporary table, INSERT … SELECT from there
  };

  // A temporary table for rows that carry the same columns.
  struct Stage {
    std::string name;
    bool made_under_savepoint;  // goes when the savepoint is rolled back to
  };

  DatabaseError Connected();
  DatabaseError ReadBegun(const std::vector<Result>& results, DatabaseError error, bool* moved);
  DatabaseError CheckPinned(const Result& pinned) const;
  Path PathOf(const WritePlan& plan, absl::Span<const uint16_t> columns,
              absl::Span<const RowRange> ranges) const;
  DatabaseError WriteArrays(const WritePlan& plan, absl::Span<const uint16_t> columns,
                            absl::Span<const RowRange> ranges);
  std::string CopySql(const TableSchema& schema, absl::Span<const uint16_t> columns);
  DatabaseError PutRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                        absl::Span<const RowRange> ranges);

  const int64_t statement_timeout_ms_;
  const uint32_t unnest_cells_max_;
  const Connect connect_;
  CopyEncoder encoder_;

  // Of the present flush.
  const WritePlan* plan_ = nullptr;
  bool is_first_attempt_ = false;
  std::vector<uint16_t> pinned_columns_;
  Transaction last_transaction_;
  // Of the present transaction.
  Connection* connection_ = nullptr;
  bool copy_is_begun_ = false;  // of the plan's first group, by Begin
  bool savepoint_is_set_ = false;
  uint32_t stages_made_ = 0;
  std::map<std::vector<uint16_t>, Stage> stages_;
};

}  // namespace batchsql::postgresql
