#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/env.h"
#include "core/journal/journal_entry.h"
#include "core/journal/segment_index.h"
#include "core/ledger.h"

namespace batchsql {

// What a journal's directory holds, checked record by record.
struct RecoveredJournal {
  JournalTip tip;  // without id or segment where there is no segment
  std::vector<SegmentInfo> segments;
  uint64_t torn_bytes = 0;
  std::vector<std::string> leftovers;  // files of a rotation that a crash cut short
  uint64_t reserve_bytes = 0;          // 0: there is no reserve
  IntakeTotals counted;                // of requests behind `counted_through`
};

// kForWriting also syncs what an earlier process wrote, so that more can be built on it.
enum class Recover : uint8_t { kForWriting, kReadOnly };

// Reads the journal without changing it. DATA_LOSS: damage; the message names segment, offset and
// the command to repair it. FAILED_PRECONDITION: of a newer version. Streams: memory does not grow
// with the journal.
absl::StatusOr<RecoveredJournal> RecoverJournal(Env* env, const std::string& directory,
                                                Recover recover = Recover::kForWriting,
                                                Lsn counted_through = 0);

// The segments' numbers, ascending.
absl::StatusOr<std::vector<uint64_t>> ListSegments(Env* env, const std::string& directory);
std::string SegmentPath(const std::string& directory, uint64_t number);

}  // namespace batchsql
