#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/producers.h"
#include "core/table_schema.h"
#include "core/uuid.h"
#include "core/watermark.h"

namespace batchsql {

// The bytes of a journal's files; docs/journal-format.md describes them one by one.
inline constexpr uint32_t kJournalVersion = 1;
inline constexpr uint64_t kSectorBytes = 4096;        // segment headers are multiples of it
inline constexpr uint64_t kHeaderBytesMax = 1 << 30;  // of a segment
inline constexpr size_t kRecordHeaderBytes = 48;
inline constexpr size_t kClaimsKept = 64;

constexpr uint64_t AlignUp(uint64_t bytes, uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

enum class RecordType : uint8_t {
  kRequest = 1,
  kClaim = 2,
  kForget = 3,
  kRefused = 4,
  kEndMarker = 5,
  kLost = 6,  // LSNs that a repair could not save
};

// What a segment begins with: all that is known of the pipeline where the previous segment ended.
struct SegmentHeader {
  Uuid id{};
  uint64_t number = 0;
  Lsn first_lsn = 1;
  uint64_t first_group = 1;
  uint64_t previous_number = 0;               // 0: none
  uint64_t previous_end = 0;                  // bytes of the previous segment that count
  std::shared_ptr<const TableSchema> schema;  // null before the first request
  Producers producers;
  std::vector<ClaimMark> claims;
};

std::string EncodeSegmentHeader(const SegmentHeader& header);
// Makes the checksum right after a change of other bytes.
void SetHeaderChecksum(std::string* bytes);
// The header's size, from its first kSectorBytes; DATA_LOSS when they are no header's.
absl::StatusOr<uint64_t> SegmentHeaderBytes(std::string_view start);
// FAILED_PRECONDITION: of a newer version. DATA_LOSS.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

// "0000000000000001.segment"
std::string SegmentFileName(uint64_t number);
std::optional<uint64_t> ParseSegmentFileName(std::string_view name);
inline constexpr std::string_view kNewSuffix = ".new";       // a segment until its header is synced
inline constexpr std::string_view kReserveName = "reserve";  // disk space kept for bad times

struct RecordHeader {
  uint64_t checksum = 0;  // of everything behind it
  uint32_t length = 0;    // of the record, a multiple of 8
  Lsn lsn = 0;            // the first of a request's; else the next request's
  uint64_t group = 0;
  uint64_t group_offset = 0;  // where the group's first record is in the segment
  uint32_t body_bytes = 0;    // before the rows
  RecordType type = RecordType::kEndMarker;
};

// What the checksums of one segment's records are seeded with, so that no other's records pass.
uint64_t RecordSeed(const Uuid& id, uint64_t segment_number);
// Writes all but the checksum.
void EncodeRecordHeader(const RecordHeader& header, uint64_t seed, char* to);
void SetRecordChecksum(uint64_t checksum, char* header);
// nullopt: no header of the segment's. Its numbers are not checked against the segment's size.
std::optional<RecordHeader> DecodeRecordHeader(const char* from, uint64_t seed);

}  // namespace batchsql
