#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "batchsql/v1/ingest.pb.h"

namespace batchsql::cli {

// Line of the file in which each row of a chunk begins. Rows mostly stand on consecutive lines, and
// then nothing is kept but the first.
class RowLines {
 public:
  void Add(uint64_t line);
  uint64_t At(uint32_t row) const {
    return row < offsets_.size() ? first_ + offsets_[row] : first_ + row;
  }
  void Clear();

 private:
  uint64_t first_ = 0;
  uint32_t rows_ = 0;
  std::vector<uint32_t> offsets_;  // empty while consecutive
};

// Some rows of the file, as the message that carries them.
struct Chunk {
  v1::WriteStreamRequest request;  // the payload only
  uint32_t rows = 0;
  uint64_t first_row = 1;  // ordinal in the file, from 1
  RowLines lines;
  uint64_t cell_bytes = 0;   // of the cells, as the file writes them
  uint64_t file_offset = 0;  // how far the file was read; at the end of this chunk or a little past
};

// A chunk ends with whichever is reached first. Always at least one row.
struct ChunkLimits {
  uint32_t rows_max = 1000;
  uint64_t bytes_max = uint64_t{1} << 20;
};

// A row, or one field of it, beyond this is taken for a malformed file (a quote that is never
// closed would otherwise swallow it whole).
inline constexpr uint64_t kRowBytesMax = uint64_t{64} << 20;

// Reads a file from its beginning to its end. Used by one thread. After an error or the end
// it says the same again.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;

  // False at the end of the file. INVALID_ARGUMENT with "FILE:LINE: …" for malformed input, after
  // the chunks with the rows before it; CANCELLED when the user stops.
  virtual absl::StatusOr<bool> Next(Chunk* chunk) = 0;
};

}  // namespace batchsql::cli
