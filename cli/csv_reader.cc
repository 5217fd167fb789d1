#include "cli/csv_reader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

constexpr size_t kBlockBytes = size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

constexpr char kNull = 1;
constexpr char kValue = 2;

}  // namespace

CsvReader::CsvReader(InputFile& input, const ChunkLimits& limits,
                     std::optional<std::string> null_text)
    : input_(input), limits_(limits), null_text_(std::move(null_text)), block_(kBlockBytes) {
  csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL | CSV_EMPTY_IS_NULL);
  // libcsv would strip white space around fields.
  csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  csv_set_blk_size(&parser_, size_t{64} << 10);
}

CsvReader::~CsvReader() { csv_free(&parser_); }

absl::StatusOr<bool> CsvReader::Next(Chunk* chunk) {
  while (ready_.empty() && failed_.ok() && !at_end_) {
    absl::Status status = FeedBlock();
    if (absl::IsCancelled(status)) return status;
    if (!status.ok() && failed_.ok()) failed_ = std::move(status);
    if (!failed_.ok()) CloseChunk();
  }
  if (!ready_.empty()) {
    *chunk = std::move(ready_.front());
    ready_.pop_front();
    return true;
  }
  if (!failed_.ok()) return failed_;
  return false;
}

absl::Status CsvReader::FeedBlock() {
  absl::StatusOr<size_t> read = input_.Read(block_.data(), block_.size());
  if (!read.ok()) return read.status();
  std::string_view block(block_.data(), *read);
  offset_ += block.size();
  if (std::exchange(at_start_, false)) {
    // A pipe may hand the mark over in pieces; three bytes at once is what any writer does.
    if (block.starts_with(kByteOrderMark)) block.remove_prefix(kByteOrderMark.size());
  }
  if (*read == 0) return Finish();
  const size_t parsed = csv_parse(&parser_, block.data(), block.size(), &OnField, &OnRowEnd, this);
  if (!failed_.ok()) return failed_;
  const auto breaks = static_cast<uint64_t>(
      std::count(block.begin(), block.begin() + static_cast<ptrdiff_t>(parsed), '\n'));
  if (parsed < block.size()) {
    return input_.Malformed(lines_before_block_ + breaks + 1,
                            csv_error(&parser_) == CSV_EPARSE
                                ? "a quote that neither begins nor ends a field"
                                : csv_strerror(csv_error(&parser_)));
  }
  lines_before_block_ += breaks;
  if (parser_.entry_pos > kRowBytesMax) {
    return input_.Malformed(line_, "a field of this row is longer than 64 MiB: an unclosed quote?");
  }
  return absl::OkStatus();
}

absl::Status CsvReader::Finish() {
  at_end_ = true;
  if (csv_fini(&parser_, &OnField, &OnRowEnd, this) != 0) {
    return input_.Malformed(line_, "the file ends inside a quoted field of the row of this line");
  }
  if (!failed_.ok()) return failed_;
  if (!has_header_) return input_.Malformed(1, "no header line");
  CloseChunk();
  return absl::OkStatus();
}

void CsvReader::OnField(void* text, size_t size, void* self) {
  auto* const reader = static_cast<CsvReader*>(self);
  if (!reader->failed_.ok()) return;
  const auto* const bytes = static_cast<const char*>(text);
  if (reader->has_header_) {
    reader->TakeCell(bytes, size);
  } else {
    reader->header_.emplace_back(bytes == nullptr ? "" : bytes, size);
    ++reader->fields_;
  }
}

void CsvReader::OnRowEnd(int terminator, void* self) {
  auto* const reader = static_cast<CsvReader*>(self);
  if (!reader->failed_.ok()) return;
  if (reader->fields_ == 0) {
    reader->EndBlankLine(terminator);
    return;
  }
  reader->after_cr_ = terminator == CSV_CR;
  if (reader->has_header_) {
    reader->EndRow();
  } else {
    reader->EndHeader();
  }
}

void CsvReader::TakeCell(const char* text, size_t size) {
  const size_t index = fields_++;
  row_bytes_ += size;
  if (index >= sinks_.size()) return;  // EndRow tells
  const ColumnSink& sink = sinks_[index];
  const bool is_null = null_text_.has_value()
                           ? std::string_view(text == nullptr ? "" : text, size) == *null_text_
                           : text == nullptr;
  if (is_null) {
    if (sink.presence->empty()) sink.presence->assign(open_.rows, kValue);
    sink.presence->push_back(kNull);
  } else {
    if (!sink.presence->empty()) sink.presence->push_back(kValue);
    if (size > 0) {
      sink.data->append(text, size);
      line_breaks_ += static_cast<uint64_t>(std::count(text, text + size, '\n'));
    }
  }
  sink.ends->Add(static_cast<uint32_t>(sink.data->size()));
}

void CsvReader::EndHeader() {
  for (size_t i = 0; i < header_.size(); ++i) {
    const std::string& name = header_[i];
    if (name.empty()) {
      return Fail(line_, absl::StrCat("column ", i + 1, " of the header has no name"));
    }
    if (std::count(header_.begin(), header_.end(), name) > 1) {
      return Fail(line_, absl::StrCat("column \"", name, "\" is named twice in the header"));
    }
    line_breaks_ += static_cast<uint64_t>(std::count(name.begin(), name.end(), '\n'));
  }
  has_header_ = true;
  line_ += 1 + std::exchange(line_breaks_, 0);
  fields_ = 0;
  data_bytes_.assign(header_.size(), 0);
  OpenChunk();
}

void CsvReader::EndRow() {
  if (fields_ != header_.size()) {
    return Fail(line_, absl::StrCat(fields_, fields_ == 1 ? " field" : " fields",
                                    ", but the header has ", header_.size()));
  }
  open_.lines.Add(line_);
  ++open_.rows;
  ++rows_;
  open_.cell_bytes += std::exchange(row_bytes_, 0);
  line_ += 1 + std::exchange(line_breaks_, 0);
  fields_ = 0;
  if (open_.rows >= limits_.rows_max || open_.cell_bytes >= limits_.bytes_max) {
    CloseChunk();
    OpenChunk();
  }
}

// No field since the last terminator: an empty line, or the LF of CRLF.
void CsvReader::EndBlankLine(int terminator) {
  if (terminator == CSV_LF && std::exchange(after_cr_, false)) return;
  after_cr_ = terminator == CSV_CR;
  if (has_header_ && header_.size() == 1) {
    TakeCell(nullptr, 0);
    EndRow();
  } else {
    ++line_;
  }
}

void CsvReader::OpenChunk() {
  open_ = Chunk();
  open_.first_row = rows_ + 1;
  sinks_.clear();
  v1::Columns* const columns = open_.request.mutable_columns();
  for (size_t i = 0; i < header_.size(); ++i) {
    v1::Column* const column = columns->add_columns();
    column->set_name(header_[i]);
    v1::Blobs* const texts = column->mutable_texts();
    texts->mutable_data()->reserve(data_bytes_[i] + data_bytes_[i] / 8);
    texts->mutable_ends()->Reserve(static_cast<int>(std::min(limits_.rows_max, 10'000U)));
    sinks_.push_back({texts->mutable_data(), texts->mutable_ends(), column->mutable_presence()});
  }
}

// What a row that fails has left behind is cut off.
void CsvReader::CloseChunk() {
  if (open_.rows == 0) return;
  for (size_t i = 0; i < sinks_.size(); ++i) {
    const ColumnSink& sink = sinks_[i];
    if (static_cast<uint32_t>(sink.ends->size()) > open_.rows) {
      sink.ends->Truncate(static_cast<int>(open_.rows));
      sink.data->resize(sink.ends->Get(static_cast<int>(open_.rows) - 1));
      if (!sink.presence->empty()) sink.presence->resize(open_.rows);
    }
    data_bytes_[i] = sink.data->size();
  }
  open_.request.mutable_columns()->set_row_count(open_.rows);
  open_.file_offset = offset_;
  ready_.push_back(std::move(open_));
  open_ = Chunk();
  sinks_.clear();
}

void CsvReader::Fail(uint64_t line, const std::string& what) {
  failed_ = input_.Malformed(line, what);
}

}  // namespace batchsql::cli
