#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dead_letters/letter_files.h"
#include "core/dead_letters/letter_index.h"
#include "core/dead_letters/letter_store.h"
#include "core/mutex.h"

namespace batchsql {

// The dead letters of one pipeline, in files of their own (docs/dead-letters.md), which give them
// their ids. What it says is done is synced. Holds some fifty bytes of each letter in memory.
class DeadLetters : public LetterStore {
 public:
  using Options = LetterFiles::Options;

  // Reads what the directory holds; makes nothing before the first letter. DATA_LOSS: damaged, the
  // message names file and offset. FAILED_PRECONDITION: written by a newer version.
  static absl::StatusOr<std::unique_ptr<DeadLetters>> Open(Env* env, LetterSpace* space,
                                                           Options options);

  absl::Status Keep(uint64_t attempt, std::vector<DeadLetter> letters) override;
  absl::Status Confirm(uint64_t attempt) override;
  void Drop(uint64_t attempt) override;
  absl::Status Settle(absl::Span<const SlotRow> slots) override;

  absl::StatusOr<Page> List(const LetterQuery& query) override;
  absl::StatusOr<Kept> Get(uint64_t id) override;
  absl::StatusOr<std::vector<DeadLetter>> OfRequests(absl::Span<const Request> requests) override;
  absl::Status MarkReplayed(absl::Span<const uint64_t> ids) override;
  absl::StatusOr<uint64_t> Purge(const LetterSelection& selection) override;
  Totals totals() const override;

  // Every later call is UNAVAILABLE.
  void Close() override;

  uint64_t torn_bytes() const { return torn_bytes_; }  // cut at Open: a crash's normal trace

 private:
  // The right to use the files, which one thread has at a time.
  class Turn;

  DeadLetters(Env* env, LetterSpace* space, Options options);
  absl::Status OnFrame(const LetterFiles::Place& place, std::string_view body);
  bool OnMark(uint8_t kind, std::string_view numbers);

  // Within a turn.
  absl::Status KeepAll(absl::Span<DeadLetter>* rest);
  absl::Status KeepSome(absl::Span<DeadLetter> letters);
  absl::Status ConfirmIfPending(uint64_t attempt);
  absl::Status AppendMarks(LetterMark mark, absl::Span<const uint64_t> numbers);
  absl::StatusOr<uint64_t> PurgeSelected(const LetterSelection& selection);
  absl::StatusOr<Kept> Fetch(const LetterIndex::Entry& entry);
  void Shrink(uint64_t slack_bytes);
  absl::Status MoveOldest();
  absl::Status RemoveEmpty();
  bool IsMostlyGone(uint64_t slack_bytes);

  LetterFiles files_;     // of the turn's holder
  uint64_t next_id_ = 1;  // of the turn's holder
  bool closed_ = false;   // of the turn's holder
  uint64_t torn_bytes_ = 0;

  mutable Mutex mutex_;
  CondVar idle_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  LetterIndex index_ ABSL_GUARDED_BY(mutex_);  // changed by the turn's holder
  uint64_t disk_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace batchsql
