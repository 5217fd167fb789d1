#pragma once

#include <array>
#include <cstdint>

#include "core/bytes.h"

namespace batchsql {

// Rows that ended in the last hour, by minutes since 1970. Pure: its owner guards it.
class EndedRows {
 public:
  struct Counts {
    uint64_t committed = 0;
    uint64_t others = 0;  // refused by the database, or lost

    Counts& operator+=(const Counts& other);
    // 0 to 1; 1 when none ended.
    double IntegrityRate() const;
    bool operator==(const Counts&) const = default;
  };

  void Add(uint64_t minute, const Counts& counts);
  // It is this minute now: what a clock that was set back meanwhile dated later ended just before.
  void SetNow(uint64_t minute);
  // A row that was refused then was written again: it no longer tells of anything. (It was counted
  // when its flush had committed, which may have been a minute later.)
  void Forgive(uint64_t minute);
  // Of the sixty minutes that end with this one.
  Counts Sum(uint64_t minute) const;

  void AppendTo(ByteWriter& out) const;
  static EndedRows Read(ByteReader& in);
  bool operator==(const EndedRows&) const = default;

 private:
  static constexpr size_t kMinutes = 60;
  struct Bucket {
    uint64_t minute = 0;
    Counts counts;
    bool operator==(const Bucket&) const = default;
  };
  std::array<Bucket, kMinutes> buckets_;
};

}  // namespace batchsql
