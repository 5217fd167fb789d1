#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "batchsql/v1/ingest.pb.h"
#include "core/names.h"
#include "core/receipt.h"
#include "server/intake.h"

namespace batchsql {

// What a stream's requests have reached, and what the client has not been told of it. Pure: no lock
// inside; its owner guards it. Requests are numbered upwards; what becomes of them may be told in
// any order.
class StreamProgress {
 public:
  // Where the producer stands; both are told in the first response.
  StreamProgress(AckLevel level, bool has_journal, uint64_t last_sequence,
                 uint64_t committed_sequence = 0)
      : level_(level), has_journal_(has_journal) {
    response_.set_last_sequence(last_sequence);
    response_.set_committed_sequence(committed_sequence);
  }

  void Begin(uint64_t number);
  // Validation's word on a request. A refused request ends the stream with its status.
  void Taken(uint64_t number, absl::StatusOr<IntakeResult> result);
  // The pipeline's word.
  void Reached(uint64_t number, AckLevel reached, const RequestOutcome& outcome);

  // There is something to tell that the client waits for.
  bool HasNews() const { return news_; }
  // The news, as one cumulative response.
  v1::WriteStreamResponse TakeNews();
  // Why the stream must end early; OK while there is no reason.
  const absl::Status& failure() const { return failure_; }
  // Every request has reached the level that the client asked for, or failed.
  bool AllReached() const;
  size_t outstanding() const { return requests_.size(); }

 private:
  struct Request {
    uint64_t number = 0;
    bool taken = false;
    bool journaled = false;
    bool committed = false;
    bool untold = false;  // of its commit
    bool failed = false;
    uint32_t rows = 0;
    uint32_t refused = 0;
  };
  Request* Find(uint64_t number);
  void Fail(Request& request, const absl::Status& status);
  void Report(uint64_t number, const std::vector<RowRejection>& rejected);
  void Advance();
  void AdvanceAccepted();
  void AdvanceJournaled();
  void AdvanceCommitted();

  const AckLevel level_;
  const bool has_journal_;
  std::deque<Request> requests_;  // from the first whose commit is not told
  size_t accepted_ = 0;           // of requests_, the leading ones that are taken
  size_t journaled_ = 0;          // of those, the leading ones that are in the journal
  bool commits_untold_ = false;   // the marks of commits stay where they are
  v1::WriteStreamResponse response_;
  bool news_ = false;
  absl::Status failure_;
};

}  // namespace batchsql
