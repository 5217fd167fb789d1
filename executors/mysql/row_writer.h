#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "core/executor.h"
#include "core/write_plan.h"

namespace batchsql {

// Rows that fit into a statement from row `begin` on: at most `rows_max`, and at most `bytes_max`
// by `ends`, the rows' running total; one row is always allowed.
size_t FittingRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                   uint64_t bytes_max);

// Writes the rows of a plan, statement by statement. Belongs to one connection and must end before
// it; used by the thread that uses the connection.
class MySqlRowWriter {
 public:
  virtual ~MySqlRowWriter() = default;
  MySqlRowWriter(const MySqlRowWriter&) = delete;
  MySqlRowWriter& operator=(const MySqlRowWriter&) = delete;

  // As WriteSession::WriteRows. A row larger than the server's packet is a row's fault (1153) and
  // is not sent: the server would end the connection over it.
  DatabaseError Write(const WritePlan& plan, absl::Span<const uint16_t> columns,
                      absl::Span<const RowRange> ranges);

 protected:
  // What Write writes, but for the rows of one statement.
  struct Statement {
    const WritePlan& plan;
    absl::Span<const uint16_t> columns;
    absl::Span<const RowRange> ranges;
    size_t rows;
    uint64_t bytes;            // at most, in the packet
    bool write_has_long_cell;  // some cell of this Write is longer than kLongCellBytes
  };
  static constexpr size_t kLongCellBytes = 256 * 1024;

  explicit MySqlRowWriter(uint64_t packet_bytes_max);

  // How many rows, from `begin` on, the next statement takes: at least one. As FittingRows.
  virtual size_t StatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t columns,
                               uint64_t bytes_max) const = 0;
  virtual DatabaseError WriteStatement(const Statement& statement) = 0;

 private:
  const uint64_t packet_bytes_max_;  // for rows
};

}  // namespace batchsql
