#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/executor.h"
#include "core/write_plan.h"
#include "executors/mysql/connection.h"
#include "executors/mysql/sql_text.h"

namespace batchsql {

// Rows of the next statement: the largest power of two that is at most `rows_max` and whose bytes,
// by `ends` (the rows' running total), are at most `bytes_max`; one row is always allowed. Powers
// of two, so that any number of rows needs few different prepared statements.
size_t NextStatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                         uint64_t bytes_max);

// Writes rows with prepared multi-row INSERTs, which it keeps. Belongs to one connection and must
// end before it; used by the thread that uses the connection.
class MySqlRowWriter {
 public:
  MySqlRowWriter(MySqlConnection& connection, uint32_t statement_rows_max);
  ~MySqlRowWriter();
  MySqlRowWriter(const MySqlRowWriter&) = delete;
  MySqlRowWriter& operator=(const MySqlRowWriter&) = delete;

  // As WriteSession::WriteRows. A row larger than the server's packet is a row's fault (1153) and
  // is not sent: the server would end the connection over it.
  DatabaseError Write(const WritePlan& plan, absl::Span<const uint16_t> columns,
                      absl::Span<const RowRange> ranges);

 private:
  struct Prepared {
    std::string shape;  // the statement with one row
    size_t rows = 0;
    uint64_t last_use = 0;
    std::unique_ptr<sql::PreparedStatement> statement;
  };

  DatabaseError Find(const MySqlInsert& insert, const std::string& shape, size_t rows,
                     sql::PreparedStatement** statement);
  DatabaseError Execute(const WritePlan& plan, absl::Span<const uint16_t> columns,
                        absl::Span<const RowRange> ranges, uint64_t bytes,
                        sql::PreparedStatement& statement);

  MySqlConnection& connection_;
  const uint32_t statement_rows_max_;
  std::vector<Prepared> prepared_;
  uint64_t uses_ = 0;
};

}  // namespace batchsql
