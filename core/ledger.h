#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/ended_rows.h"
#include "core/names.h"
#include "core/uuid.h"
#include "core/watermark.h"

namespace batchsql {

// What came to a pipeline, in rows, over all its processes. What became of the accepted ones is in
// SlotTotals.
struct IntakeTotals {
  uint64_t received = 0;
  uint64_t replayed = 0;      // of dead letters; not among the received
  uint64_t rejected = 0;      // by validation, or not taken
  uint64_t deduplicated = 0;  // of repeated requests
  uint64_t lost = 0;          // at a shutdown's deadline, and in no journal

  IntakeTotals& operator+=(const IntakeTotals& other);
  IntakeTotals& operator-=(const IntakeTotals& other);
  bool operator==(const IntakeTotals&) const = default;
};

// A pipeline's counts as of one LSN, for its next process: docs/audit.md, "The file". What the
// journal holds behind that LSN is added to them.
struct LedgerRecord {
  Uuid pipeline{};
  uint64_t time_ms = 0;  // since 1970
  Lsn through = 0;       // requests up to here are counted in `intake`
  Lsn frontier = 0;      // known to be committed then
  IntakeTotals intake;
  SlotTotals slots;  // as last known
  EndedRows ended;

  bool operator==(const LedgerRecord&) const = default;
};

std::string EncodeLedger(const LedgerRecord& record, uint64_t sequence);
struct SequencedLedger {
  uint64_t sequence = 0;
  LedgerRecord record;
};
// DATA_LOSS: no such bytes. FAILED_PRECONDITION: of a newer version.
absl::StatusOr<SequencedLedger> DecodeLedger(std::string_view bytes);

}  // namespace batchsql
