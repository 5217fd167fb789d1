#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dead_letters/dead_letter.h"
#include "core/dead_letters/letter_rows.h"
#include "core/watermark.h"

namespace batchsql {

class Executor;

// The dead letters of one pipeline: on disk (DeadLetters) beside a journal, or without one in the
// target (TargetLetters). Every method is thread-safe, and may wait for the disk or the database.
class LetterStore {
 public:
  virtual ~LetterStore() = default;

  // Keeps letters of an attempt that is about to commit; any number of times for one attempt.
  // RESOURCE_EXHAUSTED: no space within the budget, or on the disk at all. After an error the
  // attempt must not commit.
  virtual absl::Status Keep(uint64_t attempt, std::vector<DeadLetter> letters) = 0;
  // The attempt committed: its letters, if there are any, are live.
  virtual absl::Status Confirm(uint64_t attempt) = 0;
  // The attempt did not commit: its letters are gone.
  virtual void Drop(uint64_t attempt) = 0;
  // `slots` are the pipeline's rows in the target, which nobody else moves: an attempt that one of
  // them shows has committed, any other has not.
  virtual absl::Status Settle(absl::Span<const SlotRow> slots) = 0;

  using Kept = KeptLetter;
  struct Page {
    std::vector<Kept> letters;  // ascending by id; fewer than the limit where they are large
    bool more = false;
  };
  // No pending ones.
  virtual absl::StatusOr<Page> List(const LetterQuery& query) = 0;
  // NOT_FOUND.
  virtual absl::StatusOr<Kept> Get(uint64_t id) = 0;

  // The letters, replayed ones too, of a producer's requests: some more may be among them.
  struct Request {
    std::string producer_id;
    uint64_t sequence = 0;
  };
  virtual absl::StatusOr<std::vector<DeadLetter>> OfRequests(
      absl::Span<const Request> requests) = 0;

  // Those of the letters that are live become replayed ones.
  virtual absl::Status MarkReplayed(absl::Span<const uint64_t> ids) = 0;
  // How many went; no pending ones.
  virtual absl::StatusOr<uint64_t> Purge(const LetterSelection& selection) = 0;

  struct Totals {
    uint64_t live = 0;
    uint64_t replayed = 0;
    std::map<RejectReason, uint64_t> live_by_reason;
    uint64_t bytes = 0;  // on disk, or in the target
  };
  virtual Totals totals() const = 0;

  // When nobody flushes any more: what the store holds open is let go, so that another pipeline may
  // open it.
  virtual void Close() {}

  // What only letters in the target need.

  // Their attempt's transaction writes them itself, and marks those that its rows replay.
  virtual bool in_target() const { return false; }
  // When the pipeline is claimed, over the connection that claimed it. UNAVAILABLE,
  // FAILED_PRECONDITION.
  virtual absl::Status Load(Executor& /*executor*/) { return absl::OkStatus(); }
  // Before an attempt, while the caller holds no connection.
  virtual void Prepare() {}
  // What the attempt's transaction must write of what was kept since the last call.
  virtual LetterChanges TakeChanges(uint64_t /*attempt*/, absl::Span<const uint64_t> /*replayed*/) {
    return {};
  }
};

}  // namespace batchsql
