#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/env.h"
#include "core/journal/checksum.h"
#include "core/journal/journal_entry.h"
#include "core/journal/journal_format.h"

namespace batchsql {

// A segment's header, and how many bytes it has. DATA_LOSS, FAILED_PRECONDITION, or the file's
// error.
struct SizedSegmentHeader {
  SegmentHeader header;
  uint64_t bytes = 0;
};
absl::StatusOr<SizedSegmentHeader> ReadSegmentHeader(File& file);

// Reads the records of one segment one after the other, through a window of bounded size. One
// thread at a time.
class SegmentReader {
 public:
  static constexpr size_t kWindowBytes = size_t{1} << 20;

  // Reads from `begin` to `end`, which must lie within the file. `file` must outlive the reader.
  SegmentReader(File* file, uint64_t seed, uint64_t begin, uint64_t end,
                size_t window_bytes = kWindowBytes);

  enum class Found : uint8_t { kRecord, kEnd, kBad };
  // Checks the record at offset() and moves behind it. kBad: none is there, or its checksum is
  // wrong; the reader stays where it is. Error: the disk's.
  absl::StatusOr<Found> Next();
  const RecordHeader& header() const { return header_; }  // of the record last found
  uint64_t record_offset() const { return record_offset_; }
  uint64_t offset() const { return offset_; }

  // What the record last found says, with or without its rows.
  absl::StatusOr<JournalEntry> Entry();
  absl::StatusOr<JournalEntry> EntryWithRows(const std::shared_ptr<const TableSchema>& schema);

  // What lies behind offset(), where Next found a bad record.
  struct Rest {
    // The first valid header of a record whose group begins behind offset(): what is bad was synced
    // before that group was written.
    std::optional<uint64_t> later_group;
    uint64_t bytes = 0;  // up to the last that is not zero
  };
  absl::StatusOr<Rest> Inspect();
  // Moves to the next record whose header is valid, behind offset(); to the end where there is
  // none.
  absl::Status SkipBad();

 private:
  // The bytes at `offset`, no more than the window holds; valid until the next call.
  absl::StatusOr<const char*> Window(uint64_t offset, size_t bytes);
  absl::StatusOr<bool> ChecksumIsRight(uint64_t offset, const RecordHeader& header);
  absl::StatusOr<std::string_view> Body();
  // The first offset from `from` on with a record's header that `accept` takes.
  template <typename Accept>
  absl::StatusOr<std::optional<uint64_t>> FindHeader(uint64_t from, Accept accept);
  absl::StatusOr<uint64_t> LastNonZero(uint64_t from);

  File* const file_;
  const uint64_t seed_;
  const uint64_t end_;
  const size_t window_bytes_;
  std::unique_ptr<char[]> window_;
  uint64_t window_offset_ = 0;
  size_t window_size_ = 0;
  uint64_t offset_;
  uint64_t record_offset_ = 0;
  RecordHeader header_;
  Checksum checksum_;
  std::string body_;  // of a record larger than the window
};

}  // namespace batchsql
