#include "core/journal/journal_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/journal/journal_recovery.h"

namespace batchsql {

absl::Status JournalReader::Damage(const SegmentIndex::Place& place, uint64_t offset) const {
  return absl::DataLossError(absl::StrCat(
      "damaged journal: ", SegmentPath(directory_, place.segment), ", offset ", offset,
      ": bad record; to save the rest: batchsql journal repair ", directory_, " --out NEW-DIR"));
}

absl::StatusOr<JournalReader::Cursor> JournalReader::OpenAt(const SegmentIndex::Place& place,
                                                            Lsn from) {
  std::optional<Cursor> kept;
  {
    MutexLock lock(mutex_);
    kept = std::exchange(cursor_, std::nullopt);
  }
  if (kept.has_value() && kept->segment == place.segment) {
    if (kept->position.lsn > from || kept->position.lsn < place.position.lsn) {
      kept->position = place.position;
    }
    return *std::move(kept);
  }
  absl::StatusOr<std::unique_ptr<File>> file =
      env_->Open(SegmentPath(directory_, place.segment), false);
  if (!file.ok()) return file.status();
  return Cursor{place.segment, *std::move(file), place.position};
}

absl::StatusOr<std::vector<QueuedBlock>> JournalReader::Read(Lsn from, uint64_t bytes_max) {
  const absl::StatusOr<std::optional<SegmentIndex::Place>> place = index_->Find(from);
  if (!place.ok()) return place.status();
  if (!place->has_value()) return std::vector<QueuedBlock>();
  absl::StatusOr<Cursor> cursor = OpenAt(**place, from);
  if (!cursor.ok()) {
    // Trimmed since it was found.
    if (absl::IsNotFound(cursor.status()) && !index_->Find(from).ok()) {
      return index_->Find(from).status();
    }
    return cursor.status();
  }
  absl::StatusOr<std::vector<QueuedBlock>> requests =
      ReadRequests(**place, from, bytes_max, &*cursor);
  MutexLock lock(mutex_);
  if (requests.ok()) cursor_ = *std::move(cursor);
  return requests;
}

absl::StatusOr<std::vector<QueuedBlock>> JournalReader::ReadRequests(
    const SegmentIndex::Place& place, Lsn from, uint64_t bytes_max, Cursor* cursor) {
  constexpr uint64_t kReadAheadBytes = uint64_t{64} << 10;
  const size_t window =
      std::min<uint64_t>(SegmentReader::kWindowBytes, bytes_max + kReadAheadBytes);
  SegmentReader reader(cursor->file.get(), RecordSeed(id_, place.segment), cursor->position.offset,
                       place.end, window);
  std::vector<QueuedBlock> requests;
  uint64_t bytes = 0;
  while (requests.empty() || (bytes < bytes_max && reader.offset() < place.end)) {
    const absl::StatusOr<SegmentReader::Found> found = reader.Next();
    if (!found.ok()) return found.status();
    if (*found != SegmentReader::Found::kRecord) return Damage(place, reader.offset());
    const RecordType type = reader.header().type;
    if (type != RecordType::kRequest && type != RecordType::kLost) continue;
    // Only the one that holds `from` begins before it.
    absl::StatusOr<JournalEntry> entry =
        reader.header().lsn < from ? reader.Entry() : absl::StatusOr<JournalEntry>(JournalEntry());
    if (entry.ok() && entry->request.has_value() && entry->request->last_lsn() < from) continue;
    if (entry.ok()) entry = reader.EntryWithRows(place.schema);
    if (!entry.ok()) {
      return absl::IsDataLoss(entry.status()) ? Damage(place, reader.record_offset())
                                              : entry.status();
    }
    bytes += reader.header().length;
    requests.push_back(*std::move(entry->request));
    cursor->position = {requests.back().last_lsn() + 1, reader.offset()};
  }
  return requests;
}

}  // namespace batchsql
