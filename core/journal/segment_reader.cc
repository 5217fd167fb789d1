#include "core/journal/segment_reader.h"

#include <algorithm>
#include <utility>

namespace batchsql {

absl::StatusOr<SizedSegmentHeader> ReadSegmentHeader(File& file) {
  const absl::StatusOr<uint64_t> file_bytes = file.Size();
  if (!file_bytes.ok()) return file_bytes.status();
  std::string bytes(kSectorBytes, '\0');
  if (*file_bytes < bytes.size()) return absl::DataLossError("bad segment header: cut off");
  absl::Status status = file.Read(0, absl::MakeSpan(bytes.data(), bytes.size()));
  if (!status.ok()) return status;
  const absl::StatusOr<uint64_t> size = SegmentHeaderBytes(bytes);
  if (!size.ok()) return size.status();
  if (*size > *file_bytes) return absl::DataLossError("bad segment header: cut off");
  bytes.resize(*size);
  status = file.Read(kSectorBytes,
                     absl::MakeSpan(bytes.data() + kSectorBytes, bytes.size() - kSectorBytes));
  if (!status.ok()) return status;
  absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) return header.status();
  return SizedSegmentHeader{*std::move(header), *size};
}

SegmentReader::SegmentReader(File* file, uint64_t seed, uint64_t begin, uint64_t end,
                             size_t window_bytes)
    : file_(file),
      seed_(seed),
      end_(end),
      window_bytes_(std::max(AlignUp(window_bytes, 8), kSectorBytes)),
      window_(new char[window_bytes_]),
      offset_(begin) {}

absl::StatusOr<const char*> SegmentReader::Window(uint64_t offset, size_t bytes) {
  if (offset < window_offset_ || offset + bytes > window_offset_ + window_size_) {
    window_size_ = 0;
    const size_t size = std::min<uint64_t>(window_bytes_, end_ - offset);
    const absl::Status status = file_->Read(offset, absl::MakeSpan(window_.get(), size));
    if (!status.ok()) return status;
    window_offset_ = offset;
    window_size_ = size;
  }
  return window_.get() + (offset - window_offset_);
}

absl::StatusOr<SegmentReader::Found> SegmentReader::Next() {
  if (offset_ == end_) return Found::kEnd;
  if (end_ - offset_ < kRecordHeaderBytes) return Found::kBad;
  const absl::StatusOr<const char*> bytes = Window(offset_, kRecordHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  const std::optional<RecordHeader> header = DecodeRecordHeader(*bytes, seed_);
  if (!header.has_value() || header->length > end_ - offset_) return Found::kBad;
  const absl::StatusOr<bool> right = ChecksumIsRight(offset_, *header);
  if (!right.ok()) return right.status();
  if (!*right) return Found::kBad;
  header_ = *header;
  record_offset_ = offset_;
  offset_ += header->length;
  return Found::kRecord;
}

absl::StatusOr<bool> SegmentReader::ChecksumIsRight(uint64_t offset, const RecordHeader& header) {
  const uint64_t end = offset + header.length;
  constexpr size_t kSkipped = sizeof(header.checksum);
  if (header.length <= window_bytes_) {
    const absl::StatusOr<const char*> bytes = Window(offset, header.length);
    if (!bytes.ok()) return bytes.status();
    return Checksum::Of(seed_, {*bytes + kSkipped, header.length - kSkipped}) == header.checksum;
  }
  checksum_.Start(seed_);
  for (uint64_t at = offset + kSkipped; at < end;) {
    const size_t size = std::min<uint64_t>(end - at, window_bytes_);
    const absl::StatusOr<const char*> bytes = Window(at, size);
    if (!bytes.ok()) return bytes.status();
    checksum_.Add({*bytes, size});
    at += size;
  }
  return checksum_.Value() == header.checksum;
}

absl::StatusOr<std::string_view> SegmentReader::Body() {
  const uint64_t at = record_offset_ + kRecordHeaderBytes;
  if (header_.body_bytes <= window_bytes_) {
    const absl::StatusOr<const char*> bytes = Window(at, header_.body_bytes);
    if (!bytes.ok()) return bytes.status();
    return std::string_view(*bytes, header_.body_bytes);
  }
  body_.resize(header_.body_bytes);
  const absl::Status status = file_->Read(at, absl::MakeSpan(body_.data(), body_.size()));
  if (!status.ok()) return status;
  return std::string_view(body_);
}

absl::StatusOr<JournalEntry> SegmentReader::Entry() {
  const absl::StatusOr<std::string_view> body = Body();
  if (!body.ok()) return body.status();
  uint32_t rows_bytes = 0;
  return DecodeBody(header_, *body, &rows_bytes);
}

absl::StatusOr<JournalEntry> SegmentReader::EntryWithRows(
    const std::shared_ptr<const TableSchema>& schema) {
  const absl::StatusOr<std::string_view> body = Body();
  if (!body.ok()) return body.status();
  uint32_t rows_bytes = 0;
  absl::StatusOr<JournalEntry> entry = DecodeBody(header_, *body, &rows_bytes);
  if (!entry.ok() || !entry->request.has_value()) return entry;
  const uint64_t at = record_offset_ + AlignUp(kRecordHeaderBytes + header_.body_bytes, 8);
  std::unique_ptr<char[]> rows(rows_bytes == 0 ? nullptr : new char[rows_bytes]);
  if (at >= window_offset_ && at + rows_bytes <= window_offset_ + window_size_) {
    std::copy_n(window_.get() + (at - window_offset_), rows_bytes, rows.get());
  } else {
    const absl::Status status = file_->Read(at, absl::MakeSpan(rows.get(), rows_bytes));
    if (!status.ok()) return status;
  }
  const absl::Status status = SetRows(std::move(rows), rows_bytes, schema, &*entry);
  if (!status.ok()) return status;
  return entry;
}

template <typename Accept>
absl::StatusOr<std::optional<uint64_t>> SegmentReader::FindHeader(uint64_t from, Accept accept) {
  for (uint64_t at = from; at + kRecordHeaderBytes <= end_; at += 8) {
    const absl::StatusOr<const char*> bytes = Window(at, kRecordHeaderBytes);
    if (!bytes.ok()) return bytes.status();
    const std::optional<RecordHeader> header = DecodeRecordHeader(*bytes, seed_);
    if (header.has_value() && accept(*header)) return at;
  }
  return std::optional<uint64_t>();
}

absl::StatusOr<uint64_t> SegmentReader::LastNonZero(uint64_t from) {
  uint64_t last = from;
  for (uint64_t at = from; at < end_;) {
    const size_t size = std::min<uint64_t>(window_bytes_, end_ - at);
    const absl::StatusOr<const char*> bytes = Window(at, size);
    if (!bytes.ok()) return bytes.status();
    const std::string_view text(*bytes, size);
    const size_t found = text.find_last_not_of('\0');
    if (found != std::string_view::npos) last = at + found + 1;
    at += size;
  }
  return last;
}

absl::StatusOr<SegmentReader::Rest> SegmentReader::Inspect() {
  Rest rest;
  const absl::StatusOr<uint64_t> last = LastNonZero(offset_);
  if (!last.ok()) return last.status();
  rest.bytes = *last - offset_;
  if (rest.bytes == 0) return rest;
  const uint64_t bad = offset_;
  const absl::StatusOr<std::optional<uint64_t>> found =
      FindHeader(bad, [bad](const RecordHeader& header) { return header.group_offset > bad; });
  if (!found.ok()) return found.status();
  rest.later_group = *found;
  return rest;
}

absl::Status SegmentReader::SkipBad() {
  const absl::StatusOr<std::optional<uint64_t>> found =
      FindHeader(offset_ + 8, [](const RecordHeader&) { return true; });
  if (!found.ok()) return found.status();
  offset_ = found->value_or(end_);
  return absl::OkStatus();
}

}  // namespace batchsql
