#pragma once

#include <csv.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "cli/chunk.h"
#include "cli/input_file.h"

namespace batchsql::cli {

// CSV by RFC 4180 with a header line, through libcsv: comma, double quotes, LF or CRLF (or CR), an
// optional byte order mark. White space belongs to the field. An unquoted empty field is NULL and a
// quoted empty one the empty string, as psql's CSV has it; with `null_text`, a field equal to that
// text, quoted or not (libcsv does not tell), is NULL and an empty one the empty string. Blank
// lines are skipped, but in a file of one column each is a row with NULL. Every column of the chunk
// is text.
//
// Owns the parser; used by one thread; `input` outlives it.
class CsvReader : public ChunkReader {
 public:
  CsvReader(InputFile& input, const ChunkLimits& limits, std::optional<std::string> null_text);
  ~CsvReader() override;
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  absl::StatusOr<bool> Next(Chunk* chunk) override;

 private:
  // Where the cells of one column of the open chunk go: parts of its message.
  struct ColumnSink {
    std::string* data;
    google::protobuf::RepeatedField<uint32_t>* ends;
    std::string* presence;
  };

  static void OnField(void* text, size_t size, void* self);
  static void OnRowEnd(int terminator, void* self);

  absl::Status FeedBlock();
  absl::Status Finish();
  void TakeCell(const char* text, size_t size);
  void EndHeader();
  void EndRow();
  void EndBlankLine(int terminator);
  void OpenChunk();
  void CloseChunk();
  void Fail(uint64_t line, const std::string& what);

  InputFile& input_;
  const ChunkLimits limits_;
  const std::optional<std::string> null_text_;
  csv_parser parser_{};
  std::vector<char> block_;

  std::vector<std::string> header_;
  bool has_header_ = false;
  bool at_start_ = true;  // of the file: nothing read yet
  bool at_end_ = false;
  absl::Status failed_;  // reported once the rows before it have been taken

  std::deque<Chunk> ready_;
  Chunk open_;
  std::vector<ColumnSink> sinks_;   // into open_
  std::vector<size_t> data_bytes_;  // of each column in the chunk before, to reserve as much
  uint64_t rows_ = 0;
  uint64_t offset_ = 0;  // bytes handed to the parser

  // Of the row being read.
  size_t fields_ = 0;
  uint64_t row_bytes_ = 0;
  uint64_t line_ = 1;         // where it begins
  uint64_t line_breaks_ = 0;  // inside its fields
  bool after_cr_ = false;     // the last terminator was CR: an LF now belongs to it
  uint64_t lines_before_block_ = 0;
};

}  // namespace batchsql::cli
