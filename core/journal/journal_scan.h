#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/env.h"
#include "core/journal/segment_reader.h"

namespace batchsql {

// What ScanJournal comes upon, in order.
struct ScanEvent {
  enum class Kind : uint8_t {
    kSegment,  // a segment begins
    kRecord,   // a sound record
    kBad,      // bytes that are no record, or a segment that cannot be read; `problem` says why
    kLost,     // LSNs that no sound record has
    kTorn,     // `bytes` of what a crash was writing; no damage
  };
  Kind kind = Kind::kRecord;
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  std::string problem;
  Lsn first_lsn = 0;  // kLost: both ends included
  Lsn last_lsn = 0;
  SegmentHeader* header = nullptr;       // kSegment; may be moved from
  const RecordHeader* record = nullptr;  // kRecord
  JournalEntry* entry = nullptr;         // kRecord, with its rows; may be moved from
};

// Reads a whole journal and goes on behind damage. Changes nothing. An error is the visitor's, or
// the disk's.
absl::Status ScanJournal(Env* env, const std::string& directory,
                         absl::FunctionRef<absl::Status(ScanEvent&)> visit);

}  // namespace batchsql
