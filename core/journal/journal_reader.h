#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/env.h"
#include "core/journal/segment_index.h"
#include "core/journal/segment_reader.h"
#include "core/mutex.h"
#include "core/queued_block.h"
#include "core/uuid.h"

namespace batchsql {

// Reads synced requests of a journal that is being written. Keeps the file read last, and where in
// it the next request begins. Thread-safe.
class JournalReader {
 public:
  JournalReader(Env* env, std::string directory, const Uuid& id, const SegmentIndex* index)
      : env_(env), directory_(std::move(directory)), id_(id), index_(index) {}

  // As Journal::Read.
  absl::StatusOr<std::vector<QueuedBlock>> Read(Lsn from, uint64_t bytes_max);

 private:
  struct Cursor {
    uint64_t segment = 0;
    std::unique_ptr<File> file;
    SegmentInfo::Position position;
  };
  absl::StatusOr<Cursor> OpenAt(const SegmentIndex::Place& place, Lsn from);
  absl::StatusOr<std::vector<QueuedBlock>> ReadRequests(const SegmentIndex::Place& place, Lsn from,
                                                        uint64_t bytes_max, Cursor* cursor);
  absl::Status Damage(const SegmentIndex::Place& place, uint64_t offset) const;

  Env* const env_;
  const std::string directory_;
  const Uuid id_;
  const SegmentIndex* const index_;
  Mutex mutex_;
  std::optional<Cursor> cursor_ ABSL_GUARDED_BY(mutex_);  // taken out while it is used
};

}  // namespace batchsql
