#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "executors/mysql/mariadb_connection.h"
#include "executors/mysql/prepared_cache.h"
#include "executors/mysql/row_writer.h"

namespace batchsql {

class ParameterArray;

// Writes rows with one prepared INSERT of a single row and arrays of its parameters (MariaDB's
// COM_STMT_BULK_EXECUTE): the server runs it as one statement, and parses nothing.
class ArrayRowWriter final : public MySqlRowWriter {
 public:
  explicit ArrayRowWriter(MariaDbConnection& connection);
  ~ArrayRowWriter() override;

 private:
  size_t StatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t columns,
                       uint64_t bytes_max) const override;
  DatabaseError WriteStatement(const Statement& statement) override;

  void Fill(const Statement& statement);

  MariaDbConnection& connection_;
  PreparedCache<MariaDbStatement> prepared_;
  std::vector<ParameterArray> arrays_;  // one per column; kept for their memory
};

}  // namespace batchsql
