#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "executors/mysql/connector_connection.h"
#include "executors/mysql/row_writer.h"
#include "executors/mysql/sql_text.h"

namespace batchsql {

// The largest power of two that is at most FittingRows, so that any number of rows needs few
// different prepared statements.
size_t PowerOfTwoRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                      uint64_t bytes_max);

// Writes rows with prepared multi-row INSERTs, which it keeps: what every server understands. Cells
// longer than kLongCellBytes are sent by the connector as long data, without a character set.
class MultiRowWriter final : public MySqlRowWriter {
 public:
  MultiRowWriter(ConnectorConnection& connection, uint32_t statement_rows_max);
  ~MultiRowWriter() override;

 private:
  struct Prepared {
    std::string shape;  // the statement with one row
    size_t rows = 0;
    uint64_t last_use = 0;
    std::unique_ptr<sql::PreparedStatement> statement;
  };

  size_t StatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t columns,
                       uint64_t bytes_max) const override;
  DatabaseError WriteStatement(const Statement& statement) override;

  DatabaseError Find(const MySqlInsert& insert, size_t rows, sql::PreparedStatement** statement);
  static DatabaseError Execute(const Statement& statement, sql::PreparedStatement& prepared);

  ConnectorConnection& connection_;
  const uint32_t statement_rows_max_;
  std::vector<Prepared> prepared_;
  uint64_t uses_ = 0;
};

}  // namespace batchsql
