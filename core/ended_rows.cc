#include "core/ended_rows.h"

namespace batchsql {

EndedRows::Counts& EndedRows::Counts::operator+=(const Counts& other) {
  committed += other.committed;
  others += other.others;
  return *this;
}

double EndedRows::Counts::IntegrityRate() const {
  const uint64_t ended = committed + others;
  return ended == 0 ? 1 : static_cast<double>(committed) / static_cast<double>(ended);
}

void EndedRows::Add(uint64_t minute, const Counts& counts) {
  Bucket& bucket = buckets_[minute % kMinutes];
  if (bucket.minute > minute) return;  // an hour later than it
  if (bucket.minute < minute) bucket = {minute, {}};
  bucket.counts += counts;
}

void EndedRows::SetNow(uint64_t minute) {
  Counts later;
  for (Bucket& bucket : buckets_) {
    if (bucket.minute <= minute) continue;
    later += bucket.counts;
    bucket = {};
  }
  if (later != Counts()) Add(minute, later);
}

void EndedRows::Forgive(uint64_t minute) {
  for (const uint64_t counted : {minute, minute + 1}) {
    Bucket& bucket = buckets_[counted % kMinutes];
    if (bucket.minute != counted || bucket.counts.others == 0) continue;
    --bucket.counts.others;
    return;
  }
}

EndedRows::Counts EndedRows::Sum(uint64_t minute) const {
  Counts sum;
  for (const Bucket& bucket : buckets_) {
    if (bucket.minute + kMinutes > minute && bucket.minute <= minute) sum += bucket.counts;
  }
  return sum;
}

void EndedRows::AppendTo(ByteWriter& out) const {
  for (const Bucket& bucket : buckets_) {
    out.U64(bucket.minute);
    out.U64(bucket.counts.committed);
    out.U64(bucket.counts.others);
  }
}

EndedRows EndedRows::Read(ByteReader& in) {
  EndedRows rows;
  for (Bucket& bucket : rows.buckets_) {
    bucket.minute = in.U64();
    bucket.counts.committed = in.U64();
    bucket.counts.others = in.U64();
  }
  return rows;
}

}  // namespace batchsql
