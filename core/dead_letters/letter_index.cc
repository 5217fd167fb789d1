#include "core/dead_letters/letter_index.h"

#include <algorithm>

#include "core/journal/checksum.h"

namespace batchsql {

void LetterIndex::Count(const Entry& entry, bool added) {
  const uint64_t sign = added ? 1 : ~uint64_t{0};  // ±1, modulo 2^64
  kept_bytes_ += sign * entry.place.bytes;
  uint64_t& in_file = bytes_by_file_[entry.place.file];
  in_file += sign * entry.place.bytes;
  if (in_file == 0) bytes_by_file_.erase(entry.place.file);
  if (entry.state == LetterState::kReplayed) replayed_ += sign;
  if (entry.state != LetterState::kLive) return;
  live_ += sign;
  uint64_t& of_reason = live_by_reason_[entry.reason];
  of_reason += sign;
  if (of_reason == 0) live_by_reason_.erase(entry.reason);
}

uint64_t LetterIndex::HashOf(std::string_view producer_id, uint64_t sequence) {
  if (producer_id.empty()) return 0;
  return Checksum::Of(sequence, {producer_id.data(), producer_id.size()});
}

void LetterIndex::Add(const DeadLetter& letter, LetterState state,
                      const LetterFiles::Place& place) {
  Remove(letter.id);
  const Entry entry{place, letter.reason, state, letter.time_ms,
                    HashOf(letter.producer_id, letter.sequence)};
  entries_.emplace(letter.id, entry);
  Count(entry, true);
  if (state == LetterState::kPending) pending_[letter.attempt].push_back(letter.id);
}

void LetterIndex::SetState(uint64_t id, LetterState state) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Count(found->second, false);
  found->second.state = state;
  Count(found->second, true);
}

void LetterIndex::Move(uint64_t id, const LetterFiles::Place& place) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Count(found->second, false);
  found->second.place = place;
  Count(found->second, true);
}

void LetterIndex::Remove(uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Count(found->second, false);
  entries_.erase(found);
}

// (A letter that was removed, or read twice, may be named there still: it is not pending.)
void LetterIndex::Confirm(uint64_t attempt) {
  const auto found = pending_.find(attempt);
  if (found == pending_.end()) return;
  for (const uint64_t id : found->second) SetState(id, LetterState::kLive);
  pending_.erase(found);
}

void LetterIndex::Drop(uint64_t attempt) {
  const auto found = pending_.find(attempt);
  if (found == pending_.end()) return;
  for (const uint64_t id : found->second) Remove(id);
  pending_.erase(found);
}

const LetterIndex::Entry* LetterIndex::Find(uint64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<uint64_t> LetterIndex::PendingAttempts() const {
  std::vector<uint64_t> attempts;
  for (const auto& [attempt, ids] : pending_) attempts.push_back(attempt);
  return attempts;
}

std::vector<std::pair<uint64_t, LetterIndex::Entry>> LetterIndex::List(
    const LetterQuery& query) const {
  std::vector<std::pair<uint64_t, Entry>> found;
  for (auto it = entries_.upper_bound(query.after_id); it != entries_.end(); ++it) {
    const Entry& entry = it->second;
    const bool shown = entry.state == LetterState::kLive ||
                       (query.replayed && entry.state == LetterState::kReplayed);
    if (!shown || (query.reason.has_value() && entry.reason != *query.reason)) continue;
    found.emplace_back(it->first, entry);
    if (found.size() > query.limit) break;
  }
  return found;
}

std::vector<LetterIndex::Entry> LetterIndex::OfRequests(
    const absl::flat_hash_set<uint64_t>& hashes) const {
  std::vector<Entry> found;
  for (const auto& [id, entry] : entries_) {
    if (entry.state == LetterState::kPending || entry.request == 0) continue;
    if (hashes.contains(entry.request)) found.push_back(entry);
  }
  return found;
}

std::vector<uint64_t> LetterIndex::Select(const LetterSelection& selection) const {
  std::vector<uint64_t> selected;
  const auto consider = [&](uint64_t id, const Entry& entry) {
    if (entry.state == LetterState::kPending) return;
    if (selection.only_replayed && entry.state != LetterState::kReplayed) return;
    if (selection.before_time_ms.has_value() && entry.time_ms >= *selection.before_time_ms) return;
    selected.push_back(id);
  };
  if (selection.ids.empty()) {
    for (const auto& [id, entry] : entries_) consider(id, entry);
  }
  for (const uint64_t id : selection.ids) {
    if (const Entry* entry = Find(id); entry != nullptr) consider(id, *entry);
  }
  return selected;
}

std::vector<uint64_t> LetterIndex::InFile(uint32_t file) const {
  std::vector<uint64_t> ids;
  for (const auto& [id, entry] : entries_) {
    if (entry.place.file == file) ids.push_back(id);
  }
  return ids;
}

uint64_t LetterIndex::kept_bytes(uint32_t file) const {
  const auto found = bytes_by_file_.find(file);
  return found == bytes_by_file_.end() ? 0 : found->second;
}

}  // namespace batchsql
