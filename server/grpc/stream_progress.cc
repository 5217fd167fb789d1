#include "server/grpc/stream_progress.h"

#include <algorithm>
#include <utility>

#include "server/grpc/write_intake.h"

namespace batchsql {

void StreamProgress::Begin(uint64_t number) { requests_.push_back({number}); }

StreamProgress::Request* StreamProgress::Find(uint64_t number) {
  const auto found = std::lower_bound(
      requests_.begin(), requests_.end(), number,
      [](const Request& request, uint64_t wanted) { return request.number < wanted; });
  return found == requests_.end() || found->number != number ? nullptr : &*found;
}

void StreamProgress::Fail(Request& request, const absl::Status& status) {
  request.failed = true;
  if (failure_.ok()) failure_ = status;
}

void StreamProgress::Taken(uint64_t number, absl::StatusOr<IntakeResult> result) {
  Request* const request = Find(number);
  if (request == nullptr) return;
  request->taken = true;
  if (!result.ok()) {
    Fail(*request, result.status());
    return;
  }
  request->rows = result->queued_rows;
  if (!result->awaited) request->journaled = request->committed = true;
  Report(number, result->rejected);
  Advance();
}

void StreamProgress::Reached(uint64_t number, AckLevel reached, const RequestOutcome& outcome) {
  Request* const request = Find(number);
  if (request == nullptr) return;
  if (!outcome.status.ok()) {
    Fail(*request, outcome.status);
    return;
  }
  request->journaled = true;
  request->untold = outcome.untold;
  request->committed = reached == AckLevel::kDatabase;
  request->refused = static_cast<uint32_t>(outcome.rejected.size());
  Report(number, outcome.rejected);
  Advance();
}

void StreamProgress::Report(uint64_t number, const std::vector<RowRejection>& rejected) {
  if (rejected.empty()) return;
  v1::RejectedRows* const rows = response_.add_rejected();
  rows->set_sequence(number);
  for (const RowRejection& rejection : rejected) FillRejectedRow(rejection, rows->add_rows());
}

// Moves the marks over what is complete from the front.
void StreamProgress::Advance() {
  AdvanceAccepted();
  AdvanceJournaled();
  AdvanceCommitted();
}

void StreamProgress::AdvanceAccepted() {
  while (accepted_ < requests_.size() && requests_[accepted_].taken &&
         !requests_[accepted_].failed) {
    response_.set_accepted_through(requests_[accepted_].number);
    news_ = news_ || level_ == AckLevel::kMemory;
    ++accepted_;
  }
}

void StreamProgress::AdvanceJournaled() {
  while (journaled_ < accepted_ && requests_[journaled_].journaled) {
    if (has_journal_) {
      response_.set_journaled_through(requests_[journaled_].number);
      news_ = news_ || level_ == AckLevel::kJournal;
    }
    ++journaled_;
  }
}

void StreamProgress::AdvanceCommitted() {
  while (journaled_ > 0 && !requests_.front().failed &&
         (requests_.front().committed || requests_.front().untold)) {
    const Request& request = requests_.front();
    commits_untold_ = commits_untold_ || request.untold;
    if (!commits_untold_) {
      response_.set_committed_through(request.number);
      response_.set_rows_committed(response_.rows_committed() + request.rows - request.refused);
      news_ = true;
    }
    requests_.pop_front();
    --accepted_;
    --journaled_;
  }
}

v1::WriteStreamResponse StreamProgress::TakeNews() {
  news_ = false;
  v1::WriteStreamResponse taken = response_;
  response_.clear_rejected();
  response_.clear_last_sequence();
  response_.clear_committed_sequence();
  return taken;
}

bool StreamProgress::AllReached() const {
  return std::all_of(requests_.begin(), requests_.end(), [this](const Request& request) {
    if (request.failed || request.committed) return true;
    if (level_ == AckLevel::kDatabase) return false;
    return request.taken && (level_ == AckLevel::kMemory || request.journaled);
  });
}

}  // namespace batchsql
