#include "core/journal/journal_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/fault_point.h"
#include "core/journal/journal_recovery.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr uint64_t kGroupBytesMax = uint64_t{8} << 20;  // at least one entry
constexpr uint64_t kReserveBytesMin = uint64_t{64} << 10;
constexpr uint64_t kSmallGroupBytes = uint64_t{32} << 10;
constexpr uint64_t kZeroBytes = uint64_t{256} << 10;
constexpr uint64_t kCachedBytesMax = uint64_t{1} << 20;

bool SameSchema(const std::shared_ptr<const TableSchema>& a,
                const std::shared_ptr<const TableSchema>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

}  // namespace

JournalWriter::JournalWriter(Env* env, DiskBudget* disk, Options options, JournalTip tip,
                             uint64_t reserve_bytes, SegmentIndex* index)
    : env_(env),
      disk_(disk),
      options_(std::move(options)),
      first_bytes_(std::min(options_.first_segment_bytes, options_.segment_bytes)),
      index_(index),
      tip_(std::move(tip)),
      next_bytes_(first_bytes_),
      reserve_bytes_(reserve_bytes),
      reserve_needed_(kReserveBytesMin) {
  last_bytes_ = index_->last_bytes();
  owned_bytes_ = index_->totals().bytes + reserve_bytes_;
  disk_->Add(owned_bytes_);
}

JournalWriter::~JournalWriter() { LetGo(); }

void JournalWriter::LetGo() {
  tail_.reset();
  disk_->Release(std::exchange(owned_bytes_, 0));
}

std::string JournalWriter::NewPath(uint64_t number) const {
  return absl::StrCat(SegmentPath(options_.directory, number), AsAbsl(kNewSuffix));
}

std::string JournalWriter::ReservePath() const {
  return absl::StrCat(options_.directory, "/", AsAbsl(kReserveName));
}

absl::StatusOr<size_t> JournalWriter::Write(absl::Span<const JournalEntry* const> entries) {
  Schema schema;
  bool urgent = false;
  const size_t count = FillGroup(entries, &schema, &urgent);
  const bool other_schema = !SameSchema(schema, tip_.schema);
  // Room is kept for an end marker.
  const uint64_t behind = entries[0]->type == RecordType::kEndMarker ? 0 : kRecordHeaderBytes;
  if (tail_ == nullptr || other_schema || !HasRoom(group_.bytes() + behind)) {
    if (tail_ != nullptr && !other_schema) {
      next_bytes_ = std::min(next_bytes_ * 2, options_.segment_bytes);
    }
    if (absl::Status status = Rotate(schema, group_.bytes(), urgent); !status.ok()) return status;
  }
  if (absl::Status status = WriteGroup(); !status.ok()) {
    ++failed_syncs_;
    tail_.reset();  // final where its last synced group ends
    return status;
  }
  const Lsn group_lsn = tip_.next_lsn;
  for (const JournalEntry* entry : entries.first(count)) Advance(*entry, &tip_);
  ++tip_.next_group;
  tip_.end += group_.bytes();
  index_->Extend(tip_.end, group_lsn, tip_.next_lsn);
  return count;
}

// The entries that one segment takes and one sync should wait for.
size_t JournalWriter::FillGroup(absl::Span<const JournalEntry* const> entries, Schema* schema,
                                bool* urgent) {
  const uint64_t bytes_max = std::min(kGroupBytesMax, options_.segment_bytes / 4);
  *schema = nullptr;
  group_.Start(tip_.next_lsn);
  size_t count = 0;
  for (const JournalEntry* entry : entries) {
    if (count > 0 && group_.bytes() >= bytes_max) break;
    if (entry->request.has_value() && entry->request->schema != nullptr) {
      if (*schema != nullptr && !SameSchema(*schema, entry->request->schema)) break;
      if (*schema == nullptr) *schema = entry->request->schema;
    }
    *urgent |= entry->type == RecordType::kClaim;
    group_.Add(*entry);
    ++count;
  }
  if (*schema == nullptr) *schema = tip_.schema;
  return count;
}

bool JournalWriter::HasRoom(uint64_t bytes) const { return tip_.end + bytes <= last_bytes_; }

absl::Status JournalWriter::WriteGroup() {
  FaultPoint("journal.before_append");
  absl::Status status = tail_->Write(tip_.end, group_.Seal(seed_, tip_.next_group, tip_.end));
  const uint64_t end = tip_.end + group_.bytes();
  if (status.ok()) status = ZeroAhead(end);
  if (!status.ok()) return status;
  FaultPoint("journal.after_append");
  FaultPoint("journal.before_sync");
  if (!Sabotage("skip-fsync")) status = SyncTail();
  if (!status.ok()) return status;
  FaultPoint("journal.after_sync");
  LetCacheGo(end);
  return status;
}

// Writes zeros behind a small group where nothing was written yet. To sync bytes that only have
// their place on the disk, a file system must also write down that they are there now: twice the
// time and processor time (ext4, XFS). So one sync does that for many small groups.
absl::Status JournalWriter::ZeroAhead(uint64_t end) {
  if (end <= written_end_) return absl::OkStatus();
  written_end_ = end;
  if (group_.bytes() > kSmallGroupBytes || end == last_bytes_) return absl::OkStatus();
  static const std::string* const zeros = new std::string(kZeroBytes, '\0');
  const uint64_t bytes = std::min(kZeroBytes, last_bytes_ - end);
  written_end_ += bytes;
  return tail_->Write(end, {absl::MakeConstSpan(*zeros).first(bytes)});
}

absl::Status JournalWriter::SyncTail() {
  if (!observer_) return tail_->Sync();
  const TimePoint begun = clock_->Now();
  absl::Status status = tail_->Sync();
  observer_(clock_->Now() - begun);
  return status;
}

// What is on the disk is read again only by a start, or when rows have outgrown memory: the page
// cache is of more use to a database beside the daemon, and pages at hand cost less than new ones.
void JournalWriter::LetCacheGo(uint64_t end) {
  if (end - uncached_end_ < kCachedBytesMax) return;
  uncached_end_ = end;
  tail_->DropCache(end).IgnoreError();
}

// Begins a segment, if need be with the reserve: for a claim, without which no flush starts, and
// where all that is in the way of space is the last segment itself.
absl::Status JournalWriter::Rotate(const Schema& schema, uint64_t room, bool urgent) {
  absl::Status status = MakeSegment(schema, room);
  if (!absl::IsResourceExhausted(status) || reserve_bytes_ == 0) return status;
  const bool last_can_go = !tip_.empty && index_->LastCommitted().has_value();
  if (!urgent && !last_can_go) return status;
  status = CreateFromReserve(schema);
  if (!status.ok()) return status;
  status = RemoveOld(TimePoint::max());
  if (!status.ok() || HasRoom(room + kRecordHeaderBytes)) return status;
  return MakeSegment(schema, room);
}

// A header that no reader takes would make damage of all that follows it.
absl::Status JournalWriter::CheckHeader(const std::string& bytes) const {
  if (bytes.size() <= options_.header_bytes_max) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the producers' positions take ", bytes.size(),
                                                    " bytes, and a segment can hold ",
                                                    options_.header_bytes_max));
}

absl::Status JournalWriter::MakeSegment(const Schema& schema, uint64_t room) {
  const SegmentHeader header = NextHeader(schema);
  const std::string bytes = EncodeSegmentHeader(header);
  if (absl::Status status = CheckHeader(bytes); !status.ok()) return status;
  const uint64_t needed = AlignUp(bytes.size() + room + kRecordHeaderBytes, kSectorBytes);
  absl::Status status = CreateSegment(header, bytes, std::max(next_bytes_, needed));
  // Segments in their grace give way, the oldest first.
  while (absl::IsResourceExhausted(status)) {
    const std::optional<SegmentInfo> oldest = index_->TakeRemovable(TimePoint::max());
    if (!oldest.has_value()) break;
    if (absl::Status removed = RemoveFirst(*oldest); !removed.ok()) return removed;
    status = CreateSegment(header, bytes, std::max(next_bytes_, needed));
  }
  if (absl::IsResourceExhausted(status) && needed < next_bytes_) {
    status = CreateSegment(header, bytes, needed);
  }
  return status;
}

absl::Status JournalWriter::Restart(const Producers& producers,
                                    const std::vector<ClaimMark>& claims) {
  tip_.producers = producers;
  tip_.claims = claims;
  return MakeSegment(tip_.schema, 0);
}

SegmentHeader JournalWriter::NextHeader(const Schema& schema) const {
  SegmentHeader header;
  header.id = tip_.id;
  header.first_lsn = tip_.next_lsn;
  header.first_group = tip_.next_group;
  header.schema = schema;
  header.producers = tip_.producers;
  header.claims = tip_.claims;
  // A segment that holds nothing gives its place up, so that failures do not pile files up.
  const bool takes_place = tip_.segment != 0 && tip_.empty;
  header.number = takes_place ? tip_.segment : tip_.segment + 1;
  header.previous_number = takes_place ? tip_.previous_segment : tip_.segment;
  header.previous_end = takes_place ? tip_.previous_end : tip_.end;
  return header;
}

absl::Status JournalWriter::CreateSegment(const SegmentHeader& header, const std::string& bytes,
                                          uint64_t size) {
  if (!disk_->TryReserve(size)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the disk budget of ", disk_->bytes_max(), " bytes is used up"));
  }
  const std::string path = NewPath(header.number);
  env_->Remove(path).IgnoreError();  // what an attempt that failed left behind
  absl::StatusOr<std::unique_ptr<File>> file = env_->Create(path);
  absl::Status status = file.ok() ? (*file)->Allocate(size) : file.status();
  if (status.ok()) status = Install(*std::move(file), header, bytes, size);
  if (!status.ok()) {
    env_->Remove(path).IgnoreError();
    disk_->Release(size);
  }
  return status;
}

absl::Status JournalWriter::CreateFromReserve(const Schema& schema) {
  const SegmentHeader header = NextHeader(schema);
  const std::string path = NewPath(header.number);
  env_->Remove(path).IgnoreError();
  const uint64_t size = std::exchange(reserve_bytes_, 0);
  owned_bytes_ -= size;
  absl::Status status = env_->Rename(ReservePath(), path);
  if (status.ok()) {
    absl::StatusOr<std::unique_ptr<File>> file = env_->Open(path, true);
    status = file.status();
    if (file.ok()) status = Install(*std::move(file), header, EncodeSegmentHeader(header), size);
  }
  if (!status.ok()) {
    env_->Remove(path).IgnoreError();
    env_->Remove(ReservePath()).IgnoreError();
    disk_->Release(size);
  }
  return status;
}

// Makes the file, whose space is reserved, the last segment. It gets its name when its header is
// safe, so that a segment without a header is damage.
absl::Status JournalWriter::Install(std::unique_ptr<File> file, const SegmentHeader& header,
                                    const std::string& bytes, uint64_t size) {
  absl::Status status = file->Write(0, {absl::Span<const char>(bytes)});
  if (status.ok() && !Sabotage("skip-fsync")) status = file->Sync();
  if (status.ok()) {
    FaultPoint("journal.rotate");
    tail_.reset();  // from here on the disk may say where it ends
    status = env_->Rename(NewPath(header.number), SegmentPath(options_.directory, header.number));
  }
  if (status.ok()) status = env_->SyncDirectory(options_.directory);
  if (!status.ok()) {
    ++failed_syncs_;
    return status;
  }
  SegmentInfo segment;
  segment.number = header.number;
  segment.first_lsn = segment.next_lsn = header.first_lsn;
  segment.header_bytes = segment.end = bytes.size();
  segment.file_bytes = size;
  segment.schema = header.schema;
  segment.positions.push_back({header.first_lsn, bytes.size()});
  owned_bytes_ += size;
  if (header.number == tip_.segment) {
    disk_->Release(last_bytes_);
    owned_bytes_ -= last_bytes_;
    index_->ReplaceLast(std::move(segment));
  } else {
    index_->Add(std::move(segment));
  }
  tail_ = std::move(file);
  seed_ = RecordSeed(header.id, header.number);
  last_bytes_ = size;
  written_end_ = bytes.size();
  uncached_end_ = 0;
  reserve_needed_ = std::max(kReserveBytesMin, AlignUp(2 * bytes.size(), kSectorBytes));
  tip_.schema = header.schema;
  tip_.segment = header.number;
  tip_.end = bytes.size();
  tip_.previous_segment = header.previous_number;
  tip_.previous_end = header.previous_end;
  tip_.empty = true;
  tip_.marked = true;
  return absl::OkStatus();
}

// Strictly the oldest first, each made durable before the next: a gap in the numbers is damage.
absl::Status JournalWriter::RemoveFirst(const SegmentInfo& segment) {
  FaultPoint("journal.trim");
  if (removal_unsynced_) {
    if (absl::Status status = env_->SyncDirectory(options_.directory); !status.ok()) return status;
    removal_unsynced_ = false;
  }
  absl::Status status = env_->Remove(SegmentPath(options_.directory, segment.number));
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  removal_unsynced_ = true;
  index_->RemoveFirst();
  disk_->Release(segment.file_bytes);
  owned_bytes_ -= segment.file_bytes;
  if (absl::Status synced = env_->SyncDirectory(options_.directory); !synced.ok()) return synced;
  removal_unsynced_ = false;
  return absl::OkStatus();
}

absl::Status JournalWriter::RemoveOld(TimePoint before) {
  while (const std::optional<SegmentInfo> oldest = index_->TakeRemovable(before)) {
    if (absl::Status status = RemoveFirst(*oldest); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JournalWriter::RemoveCommitted(TimePoint before) {
  if (absl::Status status = RemoveOld(before); !status.ok()) return status;
  const std::optional<TimePoint> last = index_->LastCommitted();
  if (!last.has_value() || *last > before || !can_shrink()) return absl::OkStatus();
  next_bytes_ = first_bytes_;
  if (absl::Status status = Rotate(tip_.schema, 0, false); !status.ok()) return status;
  return RemoveOld(before);
}

bool JournalWriter::KeepReserve() {
  if (reserve_bytes_ >= reserve_needed_) return true;
  disk_->Release(reserve_bytes_);
  owned_bytes_ -= std::exchange(reserve_bytes_, 0);
  env_->Remove(ReservePath()).IgnoreError();
  if (!disk_->TryReserve(reserve_needed_)) return false;
  absl::StatusOr<std::unique_ptr<File>> file = env_->Create(ReservePath());
  if (file.ok() && (*file)->Allocate(reserve_needed_).ok()) {
    reserve_bytes_ = reserve_needed_;
    owned_bytes_ += reserve_needed_;
    return true;
  }
  env_->Remove(ReservePath()).IgnoreError();
  disk_->Release(reserve_needed_);
  return false;
}

}  // namespace batchsql
