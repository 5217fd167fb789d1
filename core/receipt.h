#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/names.h"
#include "core/rejection.h"

namespace batchsql {

// What became of the rows that a pipeline took over.
struct RequestOutcome {
  absl::Status status;                 // not OK: none of the rows is known to be in the table
  std::vector<RowRejection> rejected;  // rows that the database refused, ascending
  bool untold = false;                 // kJournal: of the commit, nothing will be told
};

// The pipeline's duty to answer one request. It goes forward with the rows and tells the front end,
// once for each level, in their order, ending with kDatabase. A receipt that is destroyed before
// answers INTERNAL, and is counted. Move-only; used by one thread at a time.
class Receipt {
 public:
  using Listener = absl::AnyInvocable<void(AckLevel reached, const RequestOutcome& outcome)>;

  explicit Receipt(Listener listener);
  Receipt(Receipt&& other) noexcept : listener_(std::exchange(other.listener_, nullptr)) {}
  Receipt& operator=(Receipt&& other) noexcept;
  ~Receipt() { Abandon(); }

  // The rows are in the journal.
  void Journaled();
  // The rows are in the journal, and that was the last word: nobody waits for their commit.
  void Left();
  // The last word: the rows are committed, but for the outcome's, or its status says why not.
  void Finish(const RequestOutcome& outcome);
  // For rows that were not taken over after all: whoever handed them on answers.
  void Dismiss() { listener_ = nullptr; }

  // Receipts of this process that were destroyed unanswered: each is a bug.
  static uint64_t abandoned_total();

 private:
  void Abandon();
  Listener listener_;  // null once finished
};

}  // namespace batchsql
