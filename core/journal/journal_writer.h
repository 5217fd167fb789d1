#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/clock.h"
#include "core/disk_budget.h"
#include "core/env.h"
#include "core/journal/group_buffer.h"
#include "core/journal/journal_entry.h"
#include "core/journal/journal_format.h"
#include "core/journal/segment_index.h"

namespace batchsql {

// Writes one journal: groups of records, each synced before the next is begun, new segments, and
// the removal of old ones. Owns the last segment's file, the reserve and the journal's share of the
// disk budget, and keeps what is known where the last synced group ends. One thread at a time.
class JournalWriter {
 public:
  struct Options {
    std::string directory;
    uint64_t segment_bytes = uint64_t{64} << 20;
    // Segments begin small and double: a table with few rows takes little disk.
    uint64_t first_segment_bytes = uint64_t{1} << 20;
    uint64_t header_bytes_max = kHeaderBytesMax;  // less only in tests
  };
  // `tip` and `index` as recovered; `index` must outlive the writer. The first group goes into a
  // new segment.
  JournalWriter(Env* env, DiskBudget* disk, Options options, JournalTip tip, uint64_t reserve_bytes,
                SegmentIndex* index);
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  ~JournalWriter();
  // Nothing is written any more: gives the file and the disk budget back, so that the journal can
  // be opened again.
  void LetGo();

  // Writes and syncs the first few of the entries as one group; returns how many. Error: none of
  // them is in the journal, and the segment that failed ends where its last group did; the next
  // call begins a new one. RESOURCE_EXHAUSTED: no space, within the budget or at all.
  absl::StatusOr<size_t> Write(absl::Span<const JournalEntry* const> entries);

  // Goes on in a new segment whose header tells these; for copies of damaged journals.
  absl::Status Restart(const Producers& producers, const std::vector<ClaimMark>& claims);

  // Removes the segments that were committed before `before`; the last only where that gives back
  // disk space. Error: the disk's; try again later.
  absl::Status RemoveCommitted(TimePoint before);
  // The last segment is larger than a new one needs to be.
  bool can_shrink() const { return last_bytes_ > first_bytes_ && !tip_.empty; }
  // Makes the reserve where it is missing. False: there is no space for it.
  bool KeepReserve();

  // Called with how long a group's fdatasync took.
  using SyncObserver = std::function<void(Duration)>;
  void ObserveSyncs(Clock* clock, SyncObserver observer) {
    clock_ = clock;
    observer_ = std::move(observer);
  }

  const JournalTip& tip() const { return tip_; }
  uint64_t failed_syncs() const { return failed_syncs_; }

 private:
  using Schema = std::shared_ptr<const TableSchema>;
  size_t FillGroup(absl::Span<const JournalEntry* const> entries, Schema* schema, bool* urgent);
  bool HasRoom(uint64_t bytes) const;
  absl::Status WriteGroup();
  absl::Status ZeroAhead(uint64_t end);
  absl::Status SyncTail();
  void LetCacheGo(uint64_t end);
  absl::Status Rotate(const Schema& schema, uint64_t room, bool urgent);
  absl::Status CheckHeader(const std::string& bytes) const;
  absl::Status MakeSegment(const Schema& schema, uint64_t room);
  absl::Status CreateSegment(const SegmentHeader& header, const std::string& bytes, uint64_t size);
  absl::Status CreateFromReserve(const Schema& schema);
  absl::Status Install(std::unique_ptr<File> file, const SegmentHeader& header,
                       const std::string& bytes, uint64_t size);
  absl::Status RemoveOld(TimePoint before);
  absl::Status RemoveFirst(const SegmentInfo& segment);
  SegmentHeader NextHeader(const Schema& schema) const;
  std::string NewPath(uint64_t number) const;
  std::string ReservePath() const;

  Env* const env_;
  DiskBudget* const disk_;
  const Options options_;
  const uint64_t first_bytes_;
  SegmentIndex* const index_;
  Clock* clock_ = nullptr;  // of the observer
  SyncObserver observer_;
  JournalTip tip_;
  std::unique_ptr<File> tail_;  // null: the next group begins a new segment
  uint64_t seed_ = 0;           // of the tail's records
  uint64_t last_bytes_ = 0;     // size of the last segment's file
  uint64_t written_end_ = 0;    // of the tail: up to here bytes were written, if only zeros
  uint64_t uncached_end_ = 0;   // of the tail: up to here the page cache was let go
  uint64_t next_bytes_;         // size of the next
  uint64_t reserve_bytes_;
  uint64_t reserve_needed_;
  uint64_t owned_bytes_ = 0;       // of the disk budget
  bool removal_unsynced_ = false;  // a removed segment may come back after a crash
  uint64_t failed_syncs_ = 0;
  GroupBuffer group_;
};

}  // namespace batchsql
