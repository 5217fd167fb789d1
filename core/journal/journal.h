#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/disk_budget.h"
#include "core/env.h"
#include "core/journal/journal_entry.h"
#include "core/journal/journal_reader.h"
#include "core/journal/journal_recovery.h"
#include "core/journal/journal_writer.h"
#include "core/journal/segment_index.h"
#include "core/ledger.h"
#include "core/mutex.h"
#include "core/producers.h"
#include "core/queued_block.h"
#include "core/uuid.h"
#include "core/watermark.h"

namespace batchsql {

// What a journal held when it was opened.
struct JournalState {
  Uuid id{};                                  // of the pipeline
  std::shared_ptr<const TableSchema> schema;  // of the last segment; null in a new journal
  Producers producers;
  std::vector<ClaimMark> claims;  // ascending by epoch, one each; the last few
  Lsn first_lsn = 1;              // oldest that can be read; next_lsn where there is none
  Lsn next_lsn = 1;
  uint64_t torn_bytes = 0;  // cut from the last segment's end: a crash's normal trace
  IntakeTotals counted;     // of requests behind Options::counted_through
};

// One pipeline's journal (docs/journal-format.md): segments in a directory of its own. Owns a
// thread, which writes and syncs what was appended, in groups, and ends with Close. Every method is
// thread-safe.
class Journal {
 public:
  struct Options {
    std::string directory;
    uint64_t segment_bytes = uint64_t{64} << 20;  // more where one request needs it
    // Segments begin small and double up to segment_bytes.
    uint64_t first_segment_bytes = uint64_t{1} << 20;
    Duration trim_grace = std::chrono::minutes(10);
    Duration idle_mark = std::chrono::seconds(1);  // until a synced end marker is written
    std::optional<Uuid> new_id;                    // of a new journal; random where not set
    Lsn counted_through = 0;                       // JournalState::counted is of what follows
  };
  // Called on the journal's thread, in LSN order, with requests that are synced.
  using Synced = absl::AnyInvocable<void(std::vector<QueuedBlock> group)>;

  // Opens the directory's journal or makes one. DATA_LOSS: it is damaged; the message names
  // segment, offset and the command to repair it. FAILED_PRECONDITION: written by a newer version.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(Env* env, DiskBudget* disk, Clock* clock,
                                                       Options options);
  ~Journal();

  // As it was at Open; to be taken once.
  JournalState TakeRecovered();
  // Called on the journal's thread with how long a group's fdatasync took; to be set before Start.
  void ObserveSyncs(JournalWriter::SyncObserver observer);
  // Starts the thread.
  void Start(Synced synced);

  // When a request is to be synced: as soon as the disk is free; or with what else comes until
  // somebody hurries, as nobody can go on with it before. Then it waits for kGatherTime at most,
  // and while fewer than kGatherBytes do.
  enum class Urgency : uint8_t { kAtOnce, kGather };
  static constexpr Duration kGatherTime = std::chrono::milliseconds(20);
  static constexpr uint64_t kGatherBytes = uint64_t{1} << 20;

  // Takes a request over, with its LSNs set and following the last one's. Never blocks. Error: the
  // block is left as it was. RESOURCE_EXHAUSTED: no disk space, within the budget or at all.
  // UNAVAILABLE: closed.
  [[nodiscard]] absl::Status Append(QueuedBlock& block, Urgency urgency = Urgency::kAtOnce);
  // What was appended is synced as soon as the disk is free.
  void Hurry();
  // Returns when the mark is synced.
  absl::Status AppendClaim(const ClaimMark& claim);
  // Not waited for: a producer that a crash brings back does no harm.
  absl::Status AppendForget(const std::string& producer_id);

  // Rows of an answer that the database refused, known only after the commit. Not waited for.
  absl::Status AppendRefused(const std::string& producer_id, uint64_t sequence,
                             std::vector<RowRejection> refused);

  // Requests, without memory or receipt, from the one that holds `from` on, at least one and up to
  // about `bytes_max`; none where `from` lies beyond the synced end. LSNs that a repair could not
  // save come as one request without rows. OUT_OF_RANGE: trimmed. DATA_LOSS.
  absl::StatusOr<std::vector<QueuedBlock>> Read(Lsn from, uint64_t bytes_max);

  // Everything up to `frontier` is committed: removes segments that hold nothing else, once their
  // grace is over or their space is needed.
  void Trim(Lsn frontier);
  // The target holds no more than this after all, it was restored: what follows is kept again, as
  // far as it is still there. Returns the first LSN that is.
  Lsn MoveBack(Lsn frontier) { return index_.MoveBack(frontier); }

  struct Status {
    uint64_t bytes = 0;  // on disk
    uint32_t segments = 0;
    Lsn first_lsn = 1;
    Lsn synced_lsn = 0;
    uint64_t failed_syncs = 0;
    std::string error;  // why appending waits; empty: it does not
  };
  Status status() const;

  // Syncs what was appended, writes the end marker, and ends the thread. What cannot be written
  // until `deadline` is dropped, answered with UNAVAILABLE. The directory may be opened again then.
  // Later calls do nothing.
  void Close(TimePoint deadline);

 private:
  // Somebody who waits for an entry to be synced; on his stack.
  struct Waiter {
    bool done = false;
    absl::Status status;
  };
  struct Pending {
    JournalEntry entry;
    Waiter* waiter = nullptr;
  };

  Journal(Env* env, DiskBudget* disk, Clock* clock, Options options, RecoveredJournal found);
  absl::Status AppendAndWait(JournalEntry entry);
  absl::Status AppendNote(JournalEntry entry);

  // The thread.
  void Run();
  bool AwaitWork(std::vector<Pending>* group);  // false: closed, and nothing is left
  void Push(JournalEntry entry, Waiter* waiter, Urgency urgency)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndGathering() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  TimePoint NextDuty() const;
  void DoDuties();
  void WriteMark();
  void WriteAll(std::vector<Pending> group);
  void Publish(absl::Span<Pending> synced);
  void FailWaiters(const absl::Status& status, std::vector<Pending>* group, size_t from);
  void Answer(const absl::Status& status, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AwaitRetry();  // false: not before the end
  void Drop(absl::Span<Pending> group);
  void Note(const absl::Status& error);

  Clock* const clock_;
  const Options options_;
  SegmentIndex index_;
  JournalWriter writer_;  // the thread's
  JournalReader reader_;
  Synced synced_;           // the thread's
  Backoff backoff_;         // the thread's
  TimePoint duties_from_;   // the thread's: no trimming or marking before, after a failure
  TimePoint reserve_from_;  // the thread's: as duties_from_, for the reserve
  TimePoint last_write_;    // the thread's
  std::thread thread_;      // Start's and Close's

  mutable Mutex mutex_;
  CondVar wake_;
  CondVar waiter_done_;
  JournalState recovered_ ABSL_GUARDED_BY(mutex_);
  std::vector<Pending> pending_ ABSL_GUARDED_BY(mutex_);
  uint64_t pending_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of their rows
  TimePoint gather_until_ ABSL_GUARDED_BY(mutex_);      // pending_ is not written before
  Lsn next_lsn_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  uint64_t failed_syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  bool trim_asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint close_deadline_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
