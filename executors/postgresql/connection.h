#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/executor.h"
#include "executors/postgresql/link.h"

struct pg_result;  // libpq's PGresult

namespace batchsql::postgresql {

struct FreeResult {
  void operator()(pg_result* result) const;
};
using Result = std::unique_ptr<pg_result, FreeResult>;

// A row's cell in text, and how a column of a result is typed.
std::string_view CellText(const Result& result, int row, int column);
bool CellIsNull(const Result& result, int row, int column);
int RowCount(const Result& result);
int ColumnCount(const Result& result);
// Rows that an INSERT, UPDATE or DELETE changed.
uint64_t AffectedRows(const Result& result);
uint32_t ColumnTypeOid(const Result& result, int column);
int32_t ColumnTypeModifier(const Result& result, int column);

// One connection. libpqxx owns it from opening to closing, and never re-opens it; statements go
// through libpq on the same handle, because libpqxx 6.4 shows neither command tags, nor type
// modifiers, nor an error's column, has no binary COPY and no limit to a wait. One thread at a
// time.
class Connection {
 public:
  // `answer_timeout_ms` limits each wait on the server once connected.
  static DatabaseError Open(const std::string& dsn, int64_t connect_timeout_ms,
                            int64_t answer_timeout_ms, std::unique_ptr<Connection>* opened);
  ~Connection();

  // Runs one or more statements, without parameters; the results of those that succeeded. If it is
  // ok and a COPY … FROM STDIN is among them, it has come that far and the COPY waits for its data.
  DatabaseError Run(const std::string& sql, std::vector<Result>* results = nullptr);
  // Runs one statement with parameters $1, $2… in text, whose types the server infers.
  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      Result* result);
  // Runs one statement with parameters in binary, of the types whose OIDs are given.
  DatabaseError QueryBinary(const std::string& sql, absl::Span<const uint32_t> types,
                            absl::Span<const std::string_view> parameters);
  // As Run, and the command tag of the last statement.
  DatabaseError RunForTag(const std::string& sql, std::string* tag);

  // After a Run that has come to a COPY: PutCopy as often as wanted, false when no more should be
  // put; then EndCopy in any case, which also runs the statements behind the COPY and tells what
  // went wrong, if anything did. Or RefuseCopy: then the COPY fails, and with it its transaction.
  bool PutCopy(std::string_view piece);
  DatabaseError EndCopy(uint64_t* rows);
  void RefuseCopy();

  bool IsAlive() const;
  // On a live connection: inside a transaction, failed or not; in one that has not failed; in none.
  bool InTransaction() const;
  bool InGoodTransaction() const;
  bool IsIdle() const;

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  Connection(std::unique_ptr<Link> link, int64_t answer_timeout_ms);

  DatabaseError Collect(std::vector<Result>* results);
  // The next result, null after the last. Never waits beyond the deadline.
  DatabaseError Next(Deadline deadline, Result* result);
  DatabaseError ErrorOf(const Result& result) const;
  DatabaseError LostError();
  DatabaseError SendFailed();
  bool FlushOutput(Deadline deadline);
  bool WaitForSocket(bool for_write, Deadline deadline);
  Deadline NewDeadline() const;

  std::unique_ptr<Link> link_;
  pg_conn* conn_;  // owned by link_
  int64_t answer_timeout_ms_;
  bool timed_out_ = false;  // an answer did not come: the connection is of no more use
};

}  // namespace batchsql::postgresql
