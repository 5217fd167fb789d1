#include "core/journal/segment_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

constexpr uint64_t kPositionEveryBytes = uint64_t{1} << 20;

}  // namespace

void SegmentInfo::AddPosition(Lsn lsn, uint64_t offset) {
  if (positions.empty() || offset - positions.back().offset >= kPositionEveryBytes) {
    positions.push_back({lsn, offset});
  }
}

SegmentIndex::SegmentIndex(std::vector<SegmentInfo> segments) {
  for (SegmentInfo& segment : segments) Add(std::move(segment));
}

void SegmentIndex::Add(SegmentInfo segment) {
  MutexLock lock(mutex_);
  entries_.push_back({std::move(segment), std::nullopt});
}

void SegmentIndex::ReplaceLast(SegmentInfo segment) {
  MutexLock lock(mutex_);
  entries_.back() = {std::move(segment), std::nullopt};
}

void SegmentIndex::Extend(uint64_t end, Lsn group_lsn, Lsn next_lsn) {
  MutexLock lock(mutex_);
  Entry& last = entries_.back();
  last.segment.AddPosition(group_lsn, last.segment.end);
  last.segment.end = end;
  last.segment.next_lsn = next_lsn;
  if (!IsCommitted(last.segment)) last.committed_at.reset();
}

absl::StatusOr<std::optional<SegmentIndex::Place>> SegmentIndex::Find(Lsn lsn) const {
  MutexLock lock(mutex_);
  if (entries_.empty() || lsn >= entries_.back().segment.next_lsn) return std::optional<Place>();
  if (lsn < entries_.front().segment.first_lsn) {
    return absl::OutOfRangeError(absl::StrCat("LSN ", lsn, " is no longer in the journal"));
  }
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [lsn](const Entry& one) { return lsn < one.segment.next_lsn; });
  const SegmentInfo& segment = entry->segment;
  const auto after = std::upper_bound(
      segment.positions.begin(), segment.positions.end(), lsn,
      [](Lsn wanted, const SegmentInfo::Position& position) { return wanted < position.lsn; });
  return std::optional<Place>(
      {segment.number, segment.schema, *std::prev(after), segment.end, segment.next_lsn});
}

bool SegmentIndex::SetFrontier(Lsn frontier, TimePoint now) {
  MutexLock lock(mutex_);
  frontier_ = std::max(frontier_, frontier);
  bool began = false;
  for (Entry& entry : entries_) {
    if (!IsCommitted(entry.segment)) break;
    if (entry.committed_at.has_value()) continue;
    entry.committed_at = now;
    began = true;
  }
  return began;
}

Lsn SegmentIndex::MoveBack(Lsn frontier) {
  MutexLock lock(mutex_);
  frontier_ = std::min(frontier_, frontier);
  for (Entry& entry : entries_) {
    if (!entry.going && !IsCommitted(entry.segment)) entry.committed_at.reset();
  }
  return FirstKept();
}

std::optional<SegmentInfo> SegmentIndex::TakeRemovable(TimePoint before) {
  MutexLock lock(mutex_);
  if (entries_.size() < 2 || !entries_.front().committed_at.has_value()) return std::nullopt;
  if (*entries_.front().committed_at > before) return std::nullopt;
  entries_.front().going = true;
  return entries_.front().segment;
}

Lsn SegmentIndex::FirstKept() const {
  for (const Entry& entry : entries_) {
    if (!entry.going) return entry.segment.first_lsn;
  }
  return 1;
}

void SegmentIndex::RemoveFirst() {
  MutexLock lock(mutex_);
  entries_.pop_front();
}

std::optional<TimePoint> SegmentIndex::OldestCommitted() const {
  MutexLock lock(mutex_);
  if (entries_.size() < 2) return std::nullopt;
  return entries_.front().committed_at;
}

std::optional<TimePoint> SegmentIndex::LastCommitted() const {
  MutexLock lock(mutex_);
  if (entries_.empty()) return std::nullopt;
  return entries_.back().committed_at;
}

SegmentIndex::Totals SegmentIndex::totals() const {
  MutexLock lock(mutex_);
  Totals totals;
  totals.segments = static_cast<uint32_t>(entries_.size());
  for (const Entry& entry : entries_) totals.bytes += entry.segment.file_bytes;
  if (entries_.empty()) return totals;
  totals.first_lsn = FirstKept();
  totals.next_lsn = entries_.back().segment.next_lsn;
  return totals;
}

uint64_t SegmentIndex::last_bytes() const {
  MutexLock lock(mutex_);
  return entries_.empty() ? 0 : entries_.back().segment.file_bytes;
}

}  // namespace batchsql
