#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/journal/checksum.h"
#include "core/journal/journal_entry.h"

namespace batchsql {

// The records of one group on their way to disk. Rows are not copied: entries must outlive the
// group's write. One thread at a time; used again and again.
class GroupBuffer {
 public:
  // `next_lsn`: of the first request to be added.
  void Start(Lsn next_lsn);
  void Add(const JournalEntry& entry);
  uint64_t bytes() const { return bytes_; }
  // The bytes in order, for a group of this number at this offset. Valid until Start.
  absl::Span<const absl::Span<const char>> Seal(uint64_t seed, uint64_t group, uint64_t offset);

 private:
  struct Record {
    RecordHeader header;
    size_t head = 0;  // of the record's header and body, in heads_
    size_t head_bytes = 0;
    absl::Span<const char> rows;
  };
  uint64_t bytes_ = 0;
  Lsn next_lsn_ = 1;
  std::string heads_;
  std::vector<Record> records_;
  std::vector<absl::Span<const char>> parts_;
  Checksum checksum_;
};

}  // namespace batchsql
