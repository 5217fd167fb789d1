#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "core/dead_letters/dead_letter.h"
#include "core/dead_letters/letter_files.h"
#include "core/dead_letters/letter_rows.h"

namespace batchsql {

// What a store knows of its letters without looking at its files. Pure: its owner guards it.
class LetterIndex {
 public:
  struct Entry {
    LetterFiles::Place place;
    RejectReason reason = RejectReason::kNone;
    LetterState state = LetterState::kPending;
    uint64_t time_ms = 0;
    uint64_t request = 0;  // HashOf; 0: of no producer
  };
  static uint64_t HashOf(std::string_view producer_id, uint64_t sequence);

  // A letter that is known already is moved to the new place and state.
  void Add(const DeadLetter& letter, LetterState state, const LetterFiles::Place& place);
  void SetState(uint64_t id, LetterState state);  // of a letter that is known; else nothing
  void Move(uint64_t id, const LetterFiles::Place& place);
  void Remove(uint64_t id);
  // The attempt's pending letters become live, or go.
  void Confirm(uint64_t attempt);
  void Drop(uint64_t attempt);

  const Entry* Find(uint64_t id) const;
  bool IsPending(uint64_t attempt) const { return pending_.contains(attempt); }
  std::vector<uint64_t> PendingAttempts() const;
  // Ascending by id; no pending ones. One more than the limit, if there is one.
  std::vector<std::pair<uint64_t, Entry>> List(const LetterQuery& query) const;
  // Ascending by id; no pending ones.
  std::vector<Entry> OfRequests(const absl::flat_hash_set<uint64_t>& hashes) const;
  std::vector<uint64_t> Select(const LetterSelection& selection) const;
  std::vector<uint64_t> InFile(uint32_t file) const;

  // Bytes of letters in the file, or in all.
  uint64_t kept_bytes(uint32_t file) const;
  uint64_t kept_bytes() const { return kept_bytes_; }

  uint64_t live() const { return live_; }
  uint64_t replayed() const { return replayed_; }
  const std::map<RejectReason, uint64_t>& live_by_reason() const { return live_by_reason_; }
  uint64_t last_id() const { return entries_.empty() ? 0 : entries_.rbegin()->first; }

 private:
  void Count(const Entry& entry, bool added);

  absl::btree_map<uint64_t, Entry> entries_;           // by id
  std::map<uint64_t, std::vector<uint64_t>> pending_;  // attempt → ids
  std::map<uint32_t, uint64_t> bytes_by_file_;
  uint64_t kept_bytes_ = 0;
  uint64_t live_ = 0;
  uint64_t replayed_ = 0;
  std::map<RejectReason, uint64_t> live_by_reason_;
};

}  // namespace batchsql
