#include "core/journal/journal_scan.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/journal/journal_recovery.h"

namespace batchsql {
namespace {

using Visitor = absl::FunctionRef<absl::Status(ScanEvent&)>;

// Reads one journal; used once.
class Scan {
 public:
  Scan(Env* env, std::string directory, Visitor visit)
      : env_(env), directory_(std::move(directory)), visit_(visit) {}
  absl::Status Run();

 private:
  struct Segment {
    uint64_t number = 0;
    std::unique_ptr<File> file;
    uint64_t file_bytes = 0;
    std::optional<SizedSegmentHeader> header;
    std::string problem;  // why there is no header
  };
  absl::Status OpenSegments();
  absl::Status ReadSegment(Segment& segment, const Segment* next);
  absl::Status ReadRecords(Segment& segment, uint64_t end, bool end_is_known);
  absl::Status TakeRecord(SegmentReader& reader, const Segment& segment);
  absl::StatusOr<bool> TakeBad(SegmentReader& reader, const Segment& segment, bool end_is_known);
  absl::Status Lost(uint64_t segment, Lsn up_to);
  absl::Status Bad(uint64_t segment, uint64_t offset, uint64_t bytes, std::string problem);
  absl::Status FindLast(Segment& segment);

  Env* const env_;
  const std::string directory_;
  const Visitor visit_;
  std::vector<Segment> segments_;
  Uuid id_{};
  std::optional<Lsn> next_lsn_;
};

absl::Status Scan::OpenSegments() {
  const absl::StatusOr<std::vector<uint64_t>> numbers = ListSegments(env_, directory_);
  if (!numbers.ok()) return numbers.status();
  for (const uint64_t number : *numbers) {
    Segment& segment = segments_.emplace_back();
    segment.number = number;
    absl::StatusOr<std::unique_ptr<File>> file = env_->Open(SegmentPath(directory_, number), false);
    if (!file.ok()) return file.status();
    segment.file = *std::move(file);
    const absl::StatusOr<uint64_t> size = segment.file->Size();
    if (!size.ok()) return size.status();
    segment.file_bytes = *size;
    absl::StatusOr<SizedSegmentHeader> header = ReadSegmentHeader(*segment.file);
    // What cannot be read now is not damaged, and must not be left out of a copy.
    if (!header.ok() && !absl::IsDataLoss(header.status())) return header.status();
    if (!header.ok()) {
      segment.problem = std::string(header.status().message());
    } else if (header->header.number != number) {
      segment.problem = "the header has another number";
    } else if (id_ != Uuid{} && header->header.id != id_) {
      segment.problem = "it is of another journal";
    } else {
      id_ = header->header.id;
      segment.header = *std::move(header);
    }
  }
  return absl::OkStatus();
}

absl::Status Scan::Run() {
  if (absl::Status status = OpenSegments(); !status.ok()) return status;
  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    if (i > 0 && segment.number != segments_[i - 1].number + 1) {
      absl::Status status = Bad(segments_[i - 1].number + 1, 0, 0, "the segment is missing");
      if (!status.ok()) return status;
    }
    const bool is_last = i + 1 == segments_.size();
    absl::Status status = ReadSegment(segment, is_last ? nullptr : &segments_[i + 1]);
    if (!status.ok()) return status;
    segment.file.reset();
  }
  return absl::OkStatus();
}

absl::Status Scan::Bad(uint64_t segment, uint64_t offset, uint64_t bytes, std::string problem) {
  ScanEvent event;
  event.kind = ScanEvent::Kind::kBad;
  event.segment = segment;
  event.offset = offset;
  event.bytes = bytes;
  event.problem = std::move(problem);
  return visit_(event);
}

// The LSNs from the next expected one up to, without, `up_to` were not found.
absl::Status Scan::Lost(uint64_t segment, Lsn up_to) {
  const Lsn from = next_lsn_.value_or(up_to);
  next_lsn_ = std::max(from, up_to);
  if (from >= up_to) return absl::OkStatus();
  ScanEvent event;
  event.kind = ScanEvent::Kind::kLost;
  event.segment = segment;
  event.first_lsn = from;
  event.last_lsn = up_to - 1;
  return visit_(event);
}

absl::Status Scan::ReadSegment(Segment& segment, const Segment* next) {
  if (!segment.header.has_value()) {
    absl::Status status = Bad(segment.number, 0, segment.file_bytes, segment.problem);
    // Behind the last one nothing tells which LSNs it held.
    if (status.ok() && next == nullptr) status = FindLast(segment);
    return status;
  }
  SegmentHeader& header = segment.header->header;
  if (absl::Status status = Lost(segment.number, header.first_lsn); !status.ok()) return status;
  if (header.first_lsn < *next_lsn_) {
    absl::Status status =
        Bad(segment.number, 0, segment.file_bytes, "its LSNs were in the segments before");
    if (!status.ok()) return status;
  }
  // The next header may be lost, too; then the end is found by looking.
  const bool end_is_known = next != nullptr && next->header.has_value() &&
                            next->number == segment.number + 1 &&
                            next->header->header.previous_number == segment.number;
  uint64_t end = segment.file_bytes;
  if (end_is_known) {
    const uint64_t previous_end = next->header->header.previous_end;
    if (previous_end > end || previous_end < segment.header->bytes) {
      absl::Status status = Bad(segment.number, end, 0, "the file is cut off");
      if (!status.ok()) return status;
    } else {
      end = previous_end;
    }
  }
  ScanEvent event;
  event.kind = ScanEvent::Kind::kSegment;
  event.segment = segment.number;
  event.bytes = segment.header->bytes;
  event.header = &header;
  const std::shared_ptr<const TableSchema> schema = header.schema;
  if (absl::Status status = visit_(event); !status.ok()) return status;
  header.schema = schema;
  return ReadRecords(segment, end, end_is_known);
}

absl::Status Scan::ReadRecords(Segment& segment, uint64_t end, bool end_is_known) {
  SegmentReader reader(segment.file.get(), RecordSeed(id_, segment.number), segment.header->bytes,
                       end);
  for (;;) {
    const absl::StatusOr<SegmentReader::Found> found = reader.Next();
    if (!found.ok()) return found.status();
    if (*found == SegmentReader::Found::kEnd) return absl::OkStatus();
    if (*found == SegmentReader::Found::kRecord) {
      if (absl::Status status = TakeRecord(reader, segment); !status.ok()) return status;
      continue;
    }
    const absl::StatusOr<bool> more = TakeBad(reader, segment, end_is_known);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
  }
}

absl::Status Scan::TakeRecord(SegmentReader& reader, const Segment& segment) {
  const RecordHeader& record = reader.header();
  const auto bad = [&](std::string problem) {
    return Bad(segment.number, reader.record_offset(), record.length, std::move(problem));
  };
  if (record.lsn < *next_lsn_) return bad("its LSN was in a record before");
  absl::StatusOr<JournalEntry> entry = reader.EntryWithRows(segment.header->header.schema);
  if (absl::IsDataLoss(entry.status())) return bad(std::string(entry.status().message()));
  if (!entry.ok()) return entry.status();
  if (absl::Status status = Lost(segment.number, record.lsn); !status.ok()) return status;
  if (entry->request.has_value()) next_lsn_ = entry->request->last_lsn() + 1;
  ScanEvent event;
  event.segment = segment.number;
  event.offset = reader.record_offset();
  event.bytes = record.length;
  event.record = &record;
  event.entry = &*entry;
  return visit_(event);
}

// True: there may be more behind it.
absl::StatusOr<bool> Scan::TakeBad(SegmentReader& reader, const Segment& segment,
                                   bool end_is_known) {
  const uint64_t offset = reader.offset();
  if (!end_is_known) {
    const absl::StatusOr<SegmentReader::Rest> rest = reader.Inspect();
    if (!rest.ok()) return rest.status();
    if (rest->bytes == 0) return false;
    if (!rest->later_group.has_value()) {
      ScanEvent event;
      event.kind = ScanEvent::Kind::kTorn;
      event.segment = segment.number;
      event.offset = offset;
      event.bytes = rest->bytes;
      if (absl::Status status = visit_(event); !status.ok()) return status;
      return false;
    }
  }
  if (absl::Status status = reader.SkipBad(); !status.ok()) return status;
  absl::Status status = Bad(segment.number, offset, reader.offset() - offset, "bad record");
  if (!status.ok()) return status;
  return true;
}

// Which LSNs a segment held whose header, and with it the meaning of its rows, is lost.
absl::Status Scan::FindLast(Segment& segment) {
  if (!next_lsn_.has_value() || segment.file_bytes <= kSectorBytes) return absl::OkStatus();
  SegmentReader reader(segment.file.get(), RecordSeed(id_, segment.number), kSectorBytes,
                       segment.file_bytes);
  Lsn end = *next_lsn_;
  for (;;) {
    const absl::StatusOr<SegmentReader::Found> found = reader.Next();
    if (!found.ok()) return found.status();
    if (*found == SegmentReader::Found::kEnd) break;
    if (*found == SegmentReader::Found::kBad) {
      if (absl::Status status = reader.SkipBad(); !status.ok()) return status;
      continue;
    }
    const absl::StatusOr<JournalEntry> entry = reader.Entry();
    if (entry.ok() && entry->request.has_value()) end = entry->request->last_lsn() + 1;
  }
  return Lost(segment.number, end);
}

}  // namespace

absl::Status ScanJournal(Env* env, const std::string& directory, Visitor visit) {
  return Scan(env, directory, visit).Run();
}

}  // namespace batchsql
