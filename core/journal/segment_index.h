#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "core/names.h"
#include "core/table_schema.h"

namespace batchsql {

// One segment as the journal keeps it in mind: where its synced records are, not what they say.
struct SegmentInfo {
  // Where a record begins whose first LSN is `lsn`.
  struct Position {
    Lsn lsn = 0;
    uint64_t offset = 0;
  };
  uint64_t number = 0;
  Lsn first_lsn = 1;
  Lsn next_lsn = 1;
  uint64_t header_bytes = 0;
  uint64_t end = 0;  // of what is synced
  uint64_t file_bytes = 0;
  std::shared_ptr<const TableSchema> schema;
  std::vector<Position> positions;  // about one a MiB, the first one at header_bytes

  // Notes the position unless one shortly before it is noted.
  void AddPosition(Lsn lsn, uint64_t offset);
};

// A journal's segments and what of them is committed. Thread-safe.
class SegmentIndex {
 public:
  explicit SegmentIndex(std::vector<SegmentInfo> segments);

  void Add(SegmentInfo segment);
  // The last segment gives way to one of the same number; it held no records.
  void ReplaceLast(SegmentInfo segment);
  // A group was synced at the last segment's end.
  void Extend(uint64_t end, Lsn group_lsn, Lsn next_lsn);

  // Where to read `lsn`: its segment, and the last position noted before it. OUT_OF_RANGE: trimmed.
  // nullopt: not synced yet.
  struct Place {
    uint64_t segment = 0;
    std::shared_ptr<const TableSchema> schema;
    SegmentInfo::Position position;
    uint64_t end = 0;
    Lsn next_lsn = 1;
  };
  absl::StatusOr<std::optional<Place>> Find(Lsn lsn) const;

  // Everything up to it is committed. True: a segment's grace has begun.
  bool SetFrontier(Lsn frontier, TimePoint now);
  // No more than this is committed after all: segments that hold other rows are kept. Returns the
  // first LSN that will not be removed.
  Lsn MoveBack(Lsn frontier);
  // The oldest segment, when it is committed, is not the last, and was committed before `before`;
  // from here on nobody may count on its rows, until RemoveFirst or a further try.
  std::optional<SegmentInfo> TakeRemovable(TimePoint before);
  void RemoveFirst();
  // When the oldest removable segment was committed.
  std::optional<TimePoint> OldestCommitted() const;
  // Every row of the last segment is committed, since this time.
  std::optional<TimePoint> LastCommitted() const;

  struct Totals {
    uint64_t bytes = 0;
    uint32_t segments = 0;
    Lsn first_lsn = 1;
    Lsn next_lsn = 1;
  };
  Totals totals() const;
  uint64_t last_bytes() const;  // of the last segment's file

 private:
  struct Entry {
    SegmentInfo segment;
    std::optional<TimePoint> committed_at;
    bool going = false;  // its removal has begun
  };
  bool IsCommitted(const SegmentInfo& segment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return segment.next_lsn <= frontier_ + 1;
  }

  Lsn FirstKept() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  Lsn frontier_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace batchsql
