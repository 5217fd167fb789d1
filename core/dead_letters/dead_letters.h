#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dead_letters/dead_letter.h"
#include "core/dead_letters/letter_files.h"
#include "core/dead_letters/letter_index.h"
#include "core/mutex.h"
#include "core/watermark.h"

namespace batchsql {

// The dead letters of one pipeline, in files of their own (docs/dead-letters.md). What it says is
// done is synced. Holds some fifty bytes of each letter in memory. Every method is thread-safe and
// may wait for the disk.
class DeadLetters {
 public:
  using Options = LetterFiles::Options;

  // Reads what the directory holds; makes nothing before the first letter. DATA_LOSS: damaged, the
  // message names file and offset. FAILED_PRECONDITION: written by a newer version.
  static absl::StatusOr<std::unique_ptr<DeadLetters>> Open(Env* env, LetterSpace* space,
                                                           Options options);

  // Keeps letters of an attempt that is about to commit, and gives them ids; any number of times
  // for one attempt. RESOURCE_EXHAUSTED: no space within the budget, or on the disk at all. After
  // an error the attempt must not commit.
  absl::Status Keep(uint64_t attempt, std::vector<DeadLetter> letters);
  // The attempt committed: its letters, if there are any, are live.
  absl::Status Confirm(uint64_t attempt);
  // The attempt did not commit: its letters are gone.
  void Drop(uint64_t attempt);
  // `slots` are the pipeline's rows in the target, which nobody else moves: an attempt that one of
  // them shows has committed, any other has not.
  absl::Status Settle(absl::Span<const SlotRow> slots);

  struct Kept {
    LetterState state = LetterState::kLive;
    DeadLetter letter;
  };
  struct Page {
    std::vector<Kept> letters;  // ascending by id; fewer than the limit where they are large
    bool more = false;
  };
  // No pending ones.
  absl::StatusOr<Page> List(const LetterQuery& query);
  // NOT_FOUND.
  absl::StatusOr<Kept> Get(uint64_t id);

  // Those of the letters that are live become replayed ones.
  absl::Status MarkReplayed(absl::Span<const uint64_t> ids);
  // How many went; no pending ones.
  absl::StatusOr<uint64_t> Purge(const LetterSelection& selection);

  // When nobody flushes any more: every later call is UNAVAILABLE, and the directory may be opened
  // again.
  void Close();

  struct Totals {
    uint64_t live = 0;
    uint64_t replayed = 0;
    std::map<RejectReason, uint64_t> live_by_reason;
    uint64_t disk_bytes = 0;
  };
  Totals totals() const;
  uint64_t torn_bytes() const { return torn_bytes_; }  // cut at Open: a crash's normal trace

 private:
  // The right to use the files, which one thread has at a time.
  class Turn;
  enum class Mark : uint8_t;

  DeadLetters(Env* env, LetterSpace* space, Options options);
  absl::Status OnFrame(const LetterFiles::Place& place, std::string_view body);
  bool OnMark(uint8_t kind, std::string_view numbers);

  // Within a turn.
  absl::Status KeepAll(absl::Span<DeadLetter>* rest);
  absl::Status KeepSome(absl::Span<DeadLetter> letters);
  absl::Status ConfirmIfPending(uint64_t attempt);
  absl::Status AppendMarks(Mark mark, absl::Span<const uint64_t> numbers);
  absl::StatusOr<uint64_t> PurgeSelected(const LetterSelection& selection);
  absl::StatusOr<Kept> Load(const LetterIndex::Entry& entry);
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
