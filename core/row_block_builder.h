#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/rejection.h"
#include "core/row_block.h"
#include "core/table_schema.h"
#include "core/value.h"

namespace batchsql {

// What a request became: the rows that passed, and the rows that did not.
struct BuiltRows {
  std::optional<RowBlock> block;       // none when every row was refused
  std::vector<RowRejection> rejected;  // ascending by row, one per row: the first fault found
};

// Checks a request's cells against a table and builds its RowBlock. Every decoder uses it, so that
// a value means the same whichever way it came.
//
// Use: Start; Column for each name; then, row by row, Append for the row's cells and EndRow, or,
// column by column, AppendColumn for each; then Finish. Scratch memory is kept from one request to
// the next: a builder that is used again allocates nothing per row. One thread at a time.
class RowBlockBuilder {
 public:
  // No block is larger, so that its 32-bit offsets hold.
  static constexpr uint64_t kBlockBytesMax = uint64_t{1} << 30;

  // Rows past `block_bytes_max` (≤ kBlockBytesMax) are refused as kTooLong: a few bytes of request
  // can ask for much more, as `1e131071` does in a decimal column.
  explicit RowBlockBuilder(uint64_t block_bytes_max = kBlockBytesMax)
      : block_bytes_max_(block_bytes_max) {}

  // `schema` must stay alive until Finish.
  void Start(const TableSchema& schema);
  // The rows that follow are those of `original`, one for one: the new block keeps their source
  // rows. `original` must stay alive until Finish.
  void StartFrom(const TableSchema& schema, const RowBlock& original);

  // Index for Append of the column called `name`, bound now if it is new. An unknown name is bound
  // too: each row with a cell for it is refused. RESOURCE_EXHAUSTED when the request binds more
  // than `columns_max`; INVALID_ARGUMENT (ColumnNameTooLong) for an unknown name that is longer
  // than names are.
  absl::StatusOr<uint32_t> BindColumn(std::string_view name, uint32_t columns_max);
  uint32_t bound_columns() const { return bound_; }
  // The table's column behind a bound one; null when the table has no such column.
  const Column* SchemaColumn(uint32_t column) const;
  // Some bound column is unknown to the table.
  bool has_unknown_column() const;

  // Appends the current row's cell. Columns come in any order, each at most once a row; those left
  // out are absent.
  void Append(uint32_t column, const Value& value);
  void EndRow();

  // Appends a whole column of `rows` cells. `states` is empty or has one byte a row.
  struct ColumnData {
    Value::Kind kind = Value::Kind::kAbsent;
    absl::Span<const uint8_t> states;
    const char* fixed = nullptr;  // 8 bytes a row, unaligned, little-endian; bool: one byte
    std::string_view heap;        // kText, kBytes
    const char* ends = nullptr;   // 4 bytes a row, unaligned, little-endian, checked by the caller
  };
  void AppendColumn(uint32_t column, const ColumnData& data, uint32_t rows);
  // Appends the cell of the `row`-th row after the last EndRows, as AppendColumn does for all.
  void AppendToColumn(uint32_t column, const Value& value, uint32_t row);
  // Ends `rows` rows at once after AppendColumn.
  void EndRows(uint32_t rows);

  uint32_t rows() const { return rows_; }

  BuiltRows Finish();

 private:
  struct Cells {
    int schema_index = -1;  // -1: unknown to the table
    std::string name;
    std::vector<uint64_t> fixed;
    std::vector<uint32_t> ends;
    std::vector<char> heap;
    std::vector<uint8_t> states;  // empty until the first cell that is no value
    uint32_t rows = 0;
    void Clear();
    size_t size_bytes() const;
    void PushState(CellState state);
    void PushEmpty(bool variable, CellState state);
  };

  const Column& ColumnOf(const Cells& cells) const;
  RejectReason AppendCell(Cells& cells, const Value& value);
  void AppendChecked(Cells& cells, const Value& value);
  bool AppendIntsFast(Cells& cells, const ColumnData& data, uint32_t rows);
  bool AppendTextsFast(Cells& cells, const ColumnData& data, uint32_t rows);
  void Reject(uint32_t row, const Cells& cells, RejectReason reason, Value::Kind kind);
  void CheckMissing(uint32_t first_row, uint32_t end_row);
  void RejectNamed(uint32_t row, std::string_view field, RejectReason reason, std::string detail);
  RowBlock MakeBlock(bool all) const;
  void CopySources(uint32_t rows, bool all, char* to) const;
  RowBlock::ColumnEntry LayOut(const Cells& cells, uint32_t rows, bool all, size_t* at) const;
  size_t HeapBytes(const Cells& cells, bool all) const;
  void CopyKept(const Cells& cells, const RowBlock::ColumnEntry& entry, char* buffer) const;
  void CopyColumn(const Cells& cells, const RowBlock::ColumnEntry& entry, bool all,
                  char* buffer) const;

  const uint64_t block_bytes_max_;
  const TableSchema* schema_ = nullptr;
  const RowBlock* original_ = nullptr;  // StartFrom
  std::vector<Cells> cells_;            // more than `bound_`: scratch of earlier requests
  uint32_t bound_ = 0;
  uint32_t hint_ = 0;  // next column expected by BindColumn
  uint32_t rows_ = 0;
  uint32_t cells_of_row_ = 0;         // appended since the last row ended
  uint32_t required_unbound_ = 0;     // columns that need a cell and are not bound
  size_t bytes_bound_ = 0;            // the block's cells take no more
  std::vector<int> bound_of_schema_;  // schema index → index in cells_, -1
  std::vector<uint16_t> required_;    // NOT NULL without default
  std::vector<RowRejection> rejected_;
  std::vector<uint8_t> row_refused_;  // one byte a row; empty while no row was refused
  std::vector<uint32_t> kept_;        // Finish: the rows that passed, where some did not
  std::string scratch_;               // converted text of one cell
};

}  // namespace batchsql
