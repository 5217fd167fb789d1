#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/journal/journal_format.h"
#include "core/queued_block.h"

namespace batchsql {

// What one record of a journal says. Move-only.
struct JournalEntry {
  RecordType type = RecordType::kEndMarker;
  // kRequest. kLost: without rows, its LSNs are the lost ones.
  std::optional<QueuedBlock> request;
  ClaimMark claim;                    // kClaim
  std::string producer_id;            // kForget, kRefused
  uint64_t sequence = 0;              // kRefused
  std::vector<RowRejection> refused;  // kRefused
};

JournalEntry RequestEntry(QueuedBlock block);
JournalEntry ClaimEntry(const ClaimMark& claim);
JournalEntry ForgetEntry(const std::string& producer_id);
JournalEntry RefusedEntry(const std::string& producer_id, uint64_t sequence,
                          std::vector<RowRejection> refused);

// A record's bytes behind its header and before its rows.
void AppendBody(const JournalEntry& entry, std::string* bytes);
// The rows as they follow the body; empty but for kRequest.
absl::Span<const char> RowsOf(const JournalEntry& entry);

// The entry that a body tells, without its rows, which are `*rows_bytes` behind the body.
// DATA_LOSS: malformed, or its numbers contradict the header's.
absl::StatusOr<JournalEntry> DecodeBody(const RecordHeader& header, std::string_view body,
                                        uint32_t* rows_bytes);
// Puts the rows into a request that DecodeBody made. DATA_LOSS.
absl::Status SetRows(std::unique_ptr<char[]> bytes, size_t size,
                     const std::shared_ptr<const TableSchema>& schema, JournalEntry* entry);

// What a journal knows where one of its groups ends: enough to begin a segment there.
struct JournalTip {
  Uuid id{};
  std::shared_ptr<const TableSchema> schema;  // of the segment
  Producers producers;
  std::vector<ClaimMark> claims;
  Lsn next_lsn = 1;
  uint64_t next_group = 1;
  // The last segment, and how much of it counts. 0: there is none yet.
  uint64_t segment = 0;
  uint64_t end = 0;
  // Where the segment before it ended, for a segment that takes its place.
  uint64_t previous_segment = 0;
  uint64_t previous_end = 0;
  bool empty = true;   // it holds no record yet
  bool marked = true;  // nothing, or an end marker, is the last that was written
};

// The tip behind the entry.
void Advance(const JournalEntry& entry, JournalTip* tip);

}  // namespace batchsql
