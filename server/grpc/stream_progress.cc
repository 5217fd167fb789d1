#include "server/grpc/stream_progress.h"

#include <utility>

#include "server/grpc/write_intake.h"

namespace batchsql {

void StreamProgress::Begin(uint64_t number) { requests_.push_back({number}); }

StreamProgress::Request* StreamProgress::Find(uint64_t number) {
  if (requests_.empty() || number < requests_.front().number) return nullptr;
  const uint64_t index = number - requests_.front().number;
  return index < requests_.size() ? &requests_[index] : nullptr;
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
  if (request->rows == 0) request->committed = true;
  Report(number, result->rejected);
  Advance();
}

void StreamProgress::Reached(uint64_t number, AckLevel reached, const RequestOutcome& outcome) {
  Request* const request = Find(number);
  if (request == nullptr || reached != AckLevel::kDatabase) return;
  if (!outcome.status.ok()) {
    Fail(*request, outcome.status);
    return;
  }
  request->committed = true;
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
  while (accepted_ < requests_.size() && requests_[accepted_].taken &&
         !requests_[accepted_].failed) {
    response_.set_accepted_through(requests_[accepted_].number);
    news_ = news_ || level_ == AckLevel::kMemory;
    ++accepted_;
  }
  while (accepted_ > 0 && requests_.front().committed && !requests_.front().failed) {
    const Request& request = requests_.front();
    response_.set_committed_through(request.number);
    response_.set_rows_committed(response_.rows_committed() + request.rows - request.refused);
    requests_.pop_front();
    --accepted_;
    news_ = true;
  }
}

v1::WriteStreamResponse StreamProgress::TakeNews() {
  news_ = false;
  v1::WriteStreamResponse taken = response_;
  response_.clear_rejected();
  return taken;
}

bool StreamProgress::AllReached() const {
  for (const Request& request : requests_) {
    if (request.failed || request.committed) continue;
    if (level_ != AckLevel::kMemory || !request.taken) return false;
  }
  return true;
}

}  // namespace batchsql
