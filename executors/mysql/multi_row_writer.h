#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "executors/mysql/connector_connection.h"
#include "executors/mysql/prepared_cache.h"
#include "executors/mysql/row_writer.h"

namespace batchsql {

// The largest power of two that is at most FittingRows, so that any number of rows needs few
// different prepared statements.
size_t PowerOfTwoRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                      uint64_t bytes_max);

// Writes rows with prepared multi-row INSERTs, which it keeps: what every server understands. Cells
// longer than kLongCellBytes are sent by the connector as long data, without a character set.
class MultiRowWriter final : public MySqlRowWriter {
 public:
  explicit MultiRowWriter(ConnectorConnection& connection);
  ~MultiRowWriter() override;

 private:
  size_t StatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t columns,
                       uint64_t bytes_max) const override;
  DatabaseError WriteStatement(const Statement& statement) override;

  static DatabaseError Execute(const Statement& statement, sql::PreparedStatement& prepared);

  ConnectorConnection& connection_;
  PreparedCache<std::unique_ptr<sql::PreparedStatement>> prepared_;
};

}  // namespace batchsql
