#pragma once

#include <array>
#include <vector>

#include "absl/types/span.h"
#include "core/civil_time.h"
#include "core/executor.h"
#include "core/row_block.h"
#include "core/write_plan.h"
#include "executors/sqlite/connection.h"

namespace batchsql::sqlite {

// Writes rows that carry the same columns: many to a statement, then the rest one by one. Values
// are bound where they lie in the blocks, without a copy. Lives for one call of Write.
class RowWriter {
 public:
  RowWriter(Connection& connection, const TableSchema& schema, absl::Span<const uint16_t> columns);

  DatabaseError Write(const WritePlan& plan, absl::Span<const RowRange> ranges);

 private:
  // Faster than one row a statement by half; more gains nothing (docs/architecture.md, "Measured").
  static constexpr uint32_t kRowsPerStatementMax = 50;

  // How one column is bound.
  struct Binding {
    ColumnType type;
    bool numbers_change;  // JSON that is a bare number would be stored as a number
  };
  using Scratch = std::array<char, kTimestampChars>;

  DatabaseError Prepare(uint32_t rows);
  DatabaseError AddRow(absl::Span<const ColumnView> cells, uint32_t row);
  DatabaseError Run();
  DatabaseError Bind(const Binding& binding, const ColumnView& cells, uint32_t row, int parameter);
  int BindText(const Binding& binding, const ColumnView& cells, uint32_t row, int parameter);
  int BindBytes(std::string_view bytes, int parameter);
  int BindChars(std::string_view text, int parameter);

  Connection& connection_;
  const TableSchema& schema_;
  absl::Span<const uint16_t> columns_;
  std::vector<Binding> bindings_;
  uint32_t rows_per_statement_;

  sqlite3_stmt* statement_ = nullptr;
  uint32_t statement_rows_ = 0;   // rows that statement_ takes
  uint32_t bound_rows_ = 0;       // of those, rows that are bound
  std::vector<Scratch> scratch_;  // one a parameter: text made from dates, UUIDs, unsigned integers
};

}  // namespace batchsql::sqlite
