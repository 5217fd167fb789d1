#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cli/cell_kind.h"
#include "cli/chunk.h"
#include "cli/column_builder.h"
#include "cli/input_file.h"
#include "cli/json_row.h"

namespace batchsql::cli {

// Lines of JSON, one object a row; blank lines are skipped. Integers are exact to 64 bits, other
// numbers are doubles where that is the same number, else text. A missing key is an absent cell. An
// array goes as a list where the table has an array column, else as its JSON text; objects and
// arrays of arrays or objects as their JSON text; for a json column every value as its JSON text.
// Chunks are columns; where the values of one key have kinds that do not mix, rows.
//
// Used by one thread; `input` and `plan` outlive it.
class NdjsonReader : public ChunkReader {
 public:
  // `plan` knows the table's array and json columns.
  NdjsonReader(InputFile& input, const ChunkLimits& limits, const ColumnPlan& plan);

  absl::StatusOr<bool> Next(Chunk* chunk) override;

 private:
  // A line of the buffer that holds a row.
  struct Line {
    size_t begin;
    size_t size;
    uint64_t number;
  };

  absl::Status Gather();
  absl::StatusOr<bool> NextLine(Line* line);
  absl::StatusOr<bool> Refill();
  absl::StatusOr<bool> FillColumns(Chunk* chunk);
  absl::StatusOr<bool> FillRows(Chunk* chunk);
  absl::Status ParseLine(const Line& line, JsonRowParser::OnCell on_cell);
  Value Planned(const JsonCell& cell) const;
  void Seal(uint32_t rows, Chunk* chunk);

  InputFile& input_;
  const ChunkLimits limits_;
  const ColumnPlan& plan_;
  JsonRowParser parser_;

  std::vector<char> buffer_;
  size_t begin_ = 0;  // of what no chunk has taken yet
  size_t scan_ = 0;   // of what is not yet among lines_
  size_t end_ = 0;    // of what was read
  bool at_end_ = false;
  std::vector<Line> lines_;  // of the chunk being made
  uint64_t line_ = 0;        // the last one scanned
  uint64_t rows_ = 0;
  uint64_t offset_ = 0;
  absl::Status failed_;  // reported once the rows before it have been taken
};

}  // namespace batchsql::cli
