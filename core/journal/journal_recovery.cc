#include "core/journal/journal_recovery.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/dead_letters/dead_letter.h"
#include "core/fault_point.h"
#include "core/journal/segment_reader.h"
#include "core/strings.h"

namespace batchsql {
namespace {

// Reads one journal; used once.
class Recovery {
 public:
  Recovery(Env* env, std::string directory, bool read_only, Lsn counted_through)
      : env_(env),
        directory_(std::move(directory)),
        read_only_(read_only),
        counted_through_(counted_through) {}
  absl::StatusOr<RecoveredJournal> Run();

 private:
  struct Segment {
    uint64_t number = 0;
    SizedSegmentHeader header;
  };
  absl::StatusOr<std::vector<uint64_t>> ListFiles();
  absl::StatusOr<Segment> ReadHeader(uint64_t number);
  absl::Status CheckChain(const std::vector<Segment>& segments);
  absl::Status ReadSegment(Segment& segment, const Segment* next);
  absl::Status ReadRecords(SegmentReader& reader, bool is_last, SegmentInfo* info);
  absl::Status TakeRecord(SegmentReader& reader, SegmentInfo* info);
  absl::Status TakeBad(SegmentReader& reader, bool is_last);
  absl::Status Damage(uint64_t segment, uint64_t offset, std::string_view what) const;
  absl::Status Wrap(uint64_t segment, uint64_t offset, const absl::Status& status) const;

  Env* const env_;
  const std::string directory_;
  const bool read_only_;
  const Lsn counted_through_;
  RecoveredJournal found_;
  uint64_t group_offset_ = 0;  // of the record read last
};

absl::Status Recovery::Damage(uint64_t segment, uint64_t offset, std::string_view what) const {
  return absl::DataLossError(absl::StrCat(
      "damaged journal: ", SegmentPath(directory_, segment), ", offset ", offset, ": ",
      AsAbsl(what), "; to save the rest: batchsql journal repair ", directory_, " --out NEW-DIR"));
}

absl::Status Recovery::Wrap(uint64_t segment, uint64_t offset, const absl::Status& status) const {
  if (absl::IsDataLoss(status)) return Damage(segment, offset, AsStd(status.message()));
  // A file that shrinks while it is read, or is shorter than its neighbour says.
  if (absl::IsOutOfRange(status)) return Damage(segment, offset, "the file is cut off");
  return status;
}

absl::StatusOr<std::vector<uint64_t>> Recovery::ListFiles() {
  const absl::StatusOr<std::vector<std::string>> names = env_->List(directory_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (name.ends_with(kNewSuffix)) found_.leftovers.push_back(name);
    if (name != kReserveName) continue;
    const auto file = env_->Open(absl::StrCat(directory_, "/", name), false);
    const absl::StatusOr<uint64_t> size = file.ok() ? (*file)->Size() : file.status();
    if (!size.ok()) return size.status();
    found_.reserve_bytes = *size;
  }
  return ListSegments(env_, directory_);
}

absl::StatusOr<Recovery::Segment> Recovery::ReadHeader(uint64_t number) {
  absl::StatusOr<std::unique_ptr<File>> file = env_->Open(SegmentPath(directory_, number), false);
  if (!file.ok()) return file.status();
  absl::StatusOr<SizedSegmentHeader> header = ReadSegmentHeader(**file);
  if (!header.ok()) return Wrap(number, 0, header.status());
  if (header->header.number != number) return Damage(number, 0, "the header has another number");
  return Segment{number, *std::move(header)};
}

// Each segment follows the one before it; leading ones may have been trimmed.
absl::Status Recovery::CheckChain(const std::vector<Segment>& segments) {
  for (size_t i = 1; i < segments.size(); ++i) {
    const SegmentHeader& before = segments[i - 1].header.header;
    const SegmentHeader& header = segments[i].header.header;
    if (header.number != before.number + 1) {
      return Damage(header.number, 0, absl::StrCat("segment ", before.number + 1, " is missing"));
    }
    if (header.id != before.id) return Damage(header.number, 0, "it is of another journal");
    if (header.previous_number != before.number ||
        header.previous_end < segments[i - 1].header.bytes) {
      return Damage(header.number, 0, "it does not follow the segment before it");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<RecoveredJournal> Recovery::Run() {
  const absl::StatusOr<std::vector<uint64_t>> numbers = ListFiles();
  if (!numbers.ok()) return numbers.status();
  std::vector<Segment> segments;
  for (const uint64_t number : *numbers) {
    absl::StatusOr<Segment> segment = ReadHeader(number);
    if (!segment.ok()) return segment.status();
    segments.push_back(*std::move(segment));
  }
  if (const absl::Status status = CheckChain(segments); !status.ok()) return status;
  for (size_t i = 0; i < segments.size(); ++i) {
    const bool is_last = i + 1 == segments.size();
    const absl::Status status = ReadSegment(segments[i], is_last ? nullptr : &segments[i + 1]);
    if (!status.ok()) return status;
  }
  return std::move(found_);
}

// The tip as it was when the segment was begun.
JournalTip TipAt(SegmentHeader& header, uint64_t header_bytes) {
  JournalTip tip;
  tip.id = header.id;
  tip.schema = header.schema;
  tip.producers = std::move(header.producers);
  tip.claims = std::move(header.claims);
  tip.next_lsn = header.first_lsn;
  tip.next_group = header.first_group;
  tip.segment = header.number;
  tip.end = header_bytes;
  tip.previous_segment = header.previous_number;
  tip.previous_end = header.previous_end;
  return tip;
}

absl::Status Recovery::ReadSegment(Segment& segment, const Segment* next) {
  const bool is_last = next == nullptr;
  absl::StatusOr<std::unique_ptr<File>> file =
      env_->Open(SegmentPath(directory_, segment.number), is_last && !read_only_);
  if (!file.ok()) return file.status();
  if (is_last && !read_only_) {
    // An earlier process may have written without a sync that succeeded: only what is on the disk
    // counts, and nothing may be built on less.
    FaultPoint("journal.recovery");
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
    if (absl::Status status = (*file)->DropCache(); !status.ok()) return status;
  }
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  SegmentHeader& header = segment.header.header;
  if (found_.tip.segment != 0 && header.first_lsn != found_.tip.next_lsn) {
    return Damage(segment.number, 0,
                  absl::StrCat("LSNs ", found_.tip.next_lsn, " to ", header.first_lsn - 1,
                               " are missing before it"));
  }
  const uint64_t end = is_last ? *size : next->header.header.previous_end;
  if (end > *size) return Damage(segment.number, *size, "the file is cut off");

  SegmentInfo info;
  info.number = segment.number;
  info.first_lsn = header.first_lsn;
  info.header_bytes = segment.header.bytes;
  info.file_bytes = *size;
  info.schema = header.schema;
  info.positions.push_back({header.first_lsn, segment.header.bytes});
  found_.tip = TipAt(header, segment.header.bytes);
  group_offset_ = 0;
  SegmentReader reader(file->get(), RecordSeed(header.id, segment.number), segment.header.bytes,
                       end);
  if (absl::Status status = ReadRecords(reader, is_last, &info); !status.ok()) return status;
  info.end = found_.tip.end;
  info.next_lsn = found_.tip.next_lsn;
  found_.segments.push_back(std::move(info));
  return absl::OkStatus();
}

absl::Status Recovery::ReadRecords(SegmentReader& reader, bool is_last, SegmentInfo* info) {
  for (;;) {
    const absl::StatusOr<SegmentReader::Found> found = reader.Next();
    if (!found.ok()) return Wrap(info->number, reader.offset(), found.status());
    if (*found == SegmentReader::Found::kEnd) return absl::OkStatus();
    if (*found == SegmentReader::Found::kBad) return TakeBad(reader, is_last);
    if (absl::Status status = TakeRecord(reader, info); !status.ok()) {
      return Wrap(info->number, reader.record_offset(), status);
    }
  }
}

void Count(const RequestAnswer& answer, IntakeTotals* counted) {
  const bool replay = answer.producer_id.starts_with(kReplayProducerPrefix);
  (replay ? counted->replayed : counted->received) += answer.accepted_rows + answer.rejected.size();
  counted->rejected += answer.rejected.size();
}

absl::Status Recovery::TakeRecord(SegmentReader& reader, SegmentInfo* info) {
  const RecordHeader& header = reader.header();
  JournalTip& tip = found_.tip;
  if (header.lsn != tip.next_lsn) {
    return absl::DataLossError(
        absl::StrCat("a record of LSN ", header.lsn, " where ", tip.next_lsn, " follows"));
  }
  const bool begins_group = header.group_offset == reader.record_offset();
  const uint64_t group = begins_group ? tip.next_group : tip.next_group - 1;
  if (header.group != group || (!begins_group && header.group_offset != group_offset_)) {
    return absl::DataLossError("a record of another group");
  }
  const absl::StatusOr<JournalEntry> entry = reader.Entry();
  if (!entry.ok()) return entry.status();
  if (begins_group) ++tip.next_group;
  group_offset_ = header.group_offset;
  info->AddPosition(header.lsn, reader.record_offset());
  if (entry->type == RecordType::kRequest && entry->request->first_lsn() > counted_through_) {
    Count(entry->request->answer, &found_.counted);
  }
  Advance(*entry, &tip);
  tip.end = reader.offset();
  return absl::OkStatus();
}

absl::Status Recovery::TakeBad(SegmentReader& reader, bool is_last) {
  if (!is_last) return Damage(found_.tip.segment, reader.offset(), "bad record");
  const absl::StatusOr<SegmentReader::Rest> rest = reader.Inspect();
  if (!rest.ok()) return Wrap(found_.tip.segment, reader.offset(), rest.status());
  if (rest->later_group.has_value()) {
    return Damage(found_.tip.segment, reader.offset(),
                  absl::StrCat("bad record, and records that were written after it was synced, at ",
                               *rest->later_group));
  }
  found_.torn_bytes = rest->bytes;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecoveredJournal> RecoverJournal(Env* env, const std::string& directory,
                                                Recover recover, Lsn counted_through) {
  return Recovery(env, directory, recover == Recover::kReadOnly, counted_through).Run();
}

absl::StatusOr<std::vector<uint64_t>> ListSegments(Env* env, const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> names = env->List(directory);
  if (!names.ok()) return names.status();
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = ParseSegmentFileName(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string SegmentPath(const std::string& directory, uint64_t number) {
  return absl::StrCat(directory, "/", SegmentFileName(number));
}

}  // namespace batchsql
