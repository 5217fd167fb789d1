#include "cli/ndjson_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

NdjsonReader::NdjsonReader(InputFile& input, const ChunkLimits& limits, const ColumnPlan& plan)
    : input_(input),
      limits_(limits),
      plan_(plan),
      buffer_(kReadBytes + simdjson::SIMDJSON_PADDING) {}

absl::StatusOr<bool> NdjsonReader::Next(Chunk* chunk) {
  if (!failed_.ok()) return failed_;
  if (absl::Status status = Gather(); !status.ok()) {
    if (absl::IsCancelled(status)) return status;
    failed_ = std::move(status);
  }
  if (lines_.empty()) return failed_.ok() ? absl::StatusOr<bool>(false) : failed_;
  absl::StatusOr<bool> filled = FillColumns(chunk);
  if (filled.ok() && !*filled) filled = FillRows(chunk);
  return filled;
}

// Finds the lines of the next chunk.
absl::Status NdjsonReader::Gather() {
  lines_.clear();
  begin_ = scan_;
  Line line{};
  while (lines_.size() < limits_.rows_max && scan_ - begin_ < limits_.bytes_max) {
    absl::StatusOr<bool> found = NextLine(&line);
    if (!found.ok()) return found.status();
    if (!*found) break;
    lines_.push_back(line);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> NdjsonReader::NextLine(Line* line) {
  size_t searched = scan_;
  while (true) {
    const void* const found = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
    if (found == nullptr && !at_end_) {
      const size_t behind = end_ - scan_;
      if (behind > kRowBytesMax) return input_.Malformed(line_ + 1, "a line longer than 64 MiB");
      if (absl::StatusOr<bool> more = Refill(); !more.ok()) return more.status();
      searched = scan_ + behind;  // Refill may have moved what there is
      continue;
    }
    if (scan_ == end_) return false;
    const size_t line_end =
        found != nullptr ? static_cast<size_t>(static_cast<const char*>(found) - buffer_.data())
                         : end_;
    const size_t begin = std::exchange(scan_, std::min(line_end + 1, end_));
    searched = scan_;
    ++line_;
    const std::string_view text(buffer_.data() + begin, line_end - begin);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    *line = {begin, text.size(), line_};
    return true;
  }
}

// Reads more behind what there is. The lines that were found move along.
absl::StatusOr<bool> NdjsonReader::Refill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    for (Line& line : lines_) line.begin -= begin_;
    scan_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t wanted = end_ + kReadBytes + simdjson::SIMDJSON_PADDING;
  if (buffer_.size() < wanted) buffer_.resize(std::max(wanted, buffer_.size() * 2));
  const absl::StatusOr<size_t> read = input_.Read(buffer_.data() + end_, kReadBytes);
  if (!read.ok()) return read.status();
  if (offset_ == 0 && std::string_view(buffer_.data(), *read).starts_with(kByteOrderMark)) {
    begin_ = scan_ = kByteOrderMark.size();
  }
  offset_ += *read;
  end_ += *read;
  at_end_ = *read == 0;
  return !at_end_;
}

absl::Status NdjsonReader::ParseLine(const Line& line, JsonRowParser::OnCell on_cell) {
  absl::Status status =
      parser_.Parse({buffer_.data() + line.begin, line.size}, buffer_.size() - line.begin, on_cell);
  if (status.ok()) return status;
  return input_.Malformed(line.number, std::string(status.message()));
}

Value NdjsonReader::Planned(const JsonCell& cell) const {
  const auto planned = plan_.find(AsAbsl(cell.key));
  const CellKind kind = planned == plan_.end() ? CellKind::kText : planned->second;
  if (cell.value.kind == Value::Kind::kNull) return cell.value;
  if (kind == CellKind::kJson) return Value::Text(cell.raw);
  if (cell.value.kind == Value::Kind::kList && kind != CellKind::kList) {
    return Value::Text(cell.raw);
  }
  return cell.value;
}

// False when the values of a key do not mix; the chunk is then without payload.
absl::StatusOr<bool> NdjsonReader::FillColumns(Chunk* chunk) {
  *chunk = Chunk();
  v1::Columns* const columns = chunk->request.mutable_columns();
  absl::flat_hash_map<std::string, size_t> index;
  std::vector<ColumnBuilder> builders;
  bool mixes = true;
  uint32_t row = 0;
  const auto on_cell = [&](const JsonCell& cell) -> absl::Status {
    const auto known = index.find(AsAbsl(cell.key));
    const size_t at = known != index.end() ? known->second : builders.size();
    if (known == index.end()) {
      index.emplace(std::string(cell.key), at);
      builders.emplace_back(cell.key, columns->add_columns());
    }
    if (!builders[at].MayAppend(row)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key \"", std::string(cell.key), "\" comes twice"));
    }
    mixes = mixes && builders[at].Append(Planned(cell), row);
    return absl::OkStatus();
  };
  for (; row < lines_.size() && mixes; ++row) {
    if (absl::Status status = ParseLine(lines_[row], on_cell); !status.ok()) {
      failed_ = std::move(status);
      // The rows before it are sent; a column may already hold a cell of the bad one.
      lines_.resize(row);
      return row == 0 ? absl::StatusOr<bool>(failed_) : FillColumns(chunk);
    }
  }
  // A message of columns must have one; rows may all be {}.
  if (!mixes || builders.empty()) return false;
  for (ColumnBuilder& builder : builders) builder.Finish(row);
  columns->set_row_count(row);
  Seal(row, chunk);
  return true;
}

absl::StatusOr<bool> NdjsonReader::FillRows(Chunk* chunk) {
  *chunk = Chunk();
  v1::Rows* const rows = chunk->request.mutable_rows();
  absl::flat_hash_map<std::string, int> index;
  for (size_t row = 0; row < lines_.size(); ++row) {
    v1::Row* const cells = rows->add_rows();
    const auto on_cell = [&](const JsonCell& cell) -> absl::Status {
      const auto known = index.find(AsAbsl(cell.key));
      const int at = known != index.end() ? known->second : rows->columns_size();
      if (known == index.end()) {
        index.emplace(std::string(cell.key), at);
        rows->add_columns(cell.key.data(), cell.key.size());
      }
      while (cells->values_size() <= at) cells->add_values();
      v1::Value* const value = cells->mutable_values(at);
      if (value->kind_case() != v1::Value::KIND_NOT_SET) {
        return absl::InvalidArgumentError(
            absl::StrCat("the key \"", std::string(cell.key), "\" comes twice"));
      }
      SetValue(Planned(cell), value);
      return absl::OkStatus();
    };
    if (absl::Status status = ParseLine(lines_[row], on_cell); !status.ok()) {
      failed_ = std::move(status);
      lines_.resize(row);
      return row == 0 ? absl::StatusOr<bool>(failed_) : FillRows(chunk);
    }
  }
  for (v1::Row& row : *rows->mutable_rows()) {
    while (row.values_size() < rows->columns_size()) row.add_values();
  }
  Seal(static_cast<uint32_t>(lines_.size()), chunk);
  return true;
}

void NdjsonReader::Seal(uint32_t rows, Chunk* chunk) {
  chunk->rows = rows;
  chunk->first_row = rows_ + 1;
  rows_ += rows;
  for (const Line& line : lines_) chunk->lines.Add(line.number);
  chunk->cell_bytes = scan_ - begin_;
  chunk->file_offset = offset_ - (end_ - scan_);
}

}  // namespace batchsql::cli
