#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/executor.h"

namespace batchsql {

// A row of a result, as text.
using TextRow = std::vector<std::optional<std::string>>;

// A connection that runs one transaction at a time, as an executor shows it to what all executors
// share. A returned error is what the database said, classified; nothing is retried or hidden.
class SqlSession {
 public:
  virtual ~SqlSession() = default;

  // Opens the connection when there is none, and a transaction that may lock rows: it sees what is
  // committed, and waits for a lock no longer than kLockWaitSeconds, or than the database lets it.
  virtual DatabaseError BeginLocking() = 0;
  // One statement with text parameters: the rows of its result, or how many rows it changed.
  virtual DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                              std::vector<TextRow>* rows) = 0;
  // The rows of a SELECT one by one, in the open transaction: they may be more than memory holds.
  using OnRow = absl::FunctionRef<void(const TextRow& row)>;
  virtual DatabaseError QueryEach(const std::string& sql, OnRow on_row) = 0;
  virtual DatabaseError Change(const std::string& sql,
                               absl::Span<const std::string_view> parameters, uint64_t* rows) = 0;
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

  static constexpr int kLockWaitSeconds = 10;
};

// For what answers with a Status: UNAVAILABLE where trying again may help, else
// FAILED_PRECONDITION.
absl::Status StatusOfError(const DatabaseError& error, std::string_view doing);

}  // namespace batchsql
