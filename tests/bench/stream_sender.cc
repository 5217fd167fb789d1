#include "tests/bench/stream_sender.h"

#include <algorithm>
#include <utility>

#include "cli/load_stream.h"

namespace batchsql::bench {
namespace {

constexpr char kMethod[] = "/batchsql.v1.Ingest/WriteStream";
// Small messages are put on the wire together, at most so many.
constexpr size_t kWrittenTogether = 64;

}  // namespace

StreamSender::StreamSender(std::vector<grpc::ByteBuffer> messages, size_t unacknowledged_max,
                           v1::AckLevel level)
    : messages_(std::move(messages)), unacknowledged_max_(unacknowledged_max), level_(level) {
  due_.reserve(messages_.size());
  latencies_ms_.reserve(messages_.size());
}

void StreamSender::Start(grpc::GenericStub& stub) {
  context_.set_wait_for_ready(true);
  stub.PrepareBidiStreamingCall(&context_, kMethod, {}, this);
  StartRead(&received_);
  AddHold();  // Offer writes from a thread of its own, until all is offered
  StartCall();
}

void StreamSender::Offer(Time due) {
  bool last = false;
  {
    MutexLock lock(mutex_);
    due_.push_back(due);
    last = due_.size() == messages_.size();
  }
  WriteNext();
  if (last) RemoveHold();
}

void StreamSender::OfferAll() {
  {
    MutexLock lock(mutex_);
    due_.assign(messages_.size(), std::chrono::steady_clock::now());
  }
  WriteNext();
  RemoveHold();
}

StreamSender::Step StreamSender::NextStep() {
  if (writing_ || ended_) return Step::kNothing;
  if (sent_ == messages_.size()) {
    ended_ = true;
    return Step::kEnd;
  }
  if (sent_ == due_.size() || sent_ - acknowledged_ >= unacknowledged_max_) return Step::kNothing;
  writing_ = true;
  ++sent_;
  return Step::kWrite;
}

void StreamSender::WriteNext() {
  Step step = Step::kNothing;
  size_t message = 0;
  bool more_follow = false;
  {
    MutexLock lock(mutex_);
    step = NextStep();
    message = sent_ - 1;
    more_follow = sent_ < due_.size() && sent_ - acknowledged_ < unacknowledged_max_ &&
                  sent_ % kWrittenTogether != 0;
  }
  if (step == Step::kEnd) StartWritesDone();
  if (step != Step::kWrite) return;
  grpc::WriteOptions options;
  if (more_follow) options.set_buffer_hint();
  StartWrite(&messages_[message], options);
}

void StreamSender::OnWriteDone(bool ok) {
  {
    MutexLock lock(mutex_);
    writing_ = false;
    ended_ = ended_ || !ok;
  }
  if (ok) WriteNext();
}

void StreamSender::OnReadDone(bool ok) {
  if (!ok) return;
  grpc::Slice slice;
  v1::WriteStreamResponse response;
  if (received_.DumpToSingleSlice(&slice).ok() &&
      response.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    rows_committed_ = std::max(rows_committed_, response.rows_committed());
    Acknowledge(cli::AcknowledgedThrough(response, level_));
  }
  StartRead(&received_);
  WriteNext();
}

void StreamSender::Acknowledge(uint64_t through) {
  const Time now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  for (; acknowledged_ < std::min<uint64_t>(through, sent_); ++acknowledged_) {
    latencies_ms_.push_back(
        std::chrono::duration<double, std::milli>(now - due_[acknowledged_]).count());
  }
}

void StreamSender::OnDone(const grpc::Status& status) {
  MutexLock lock(mutex_);
  status_ = status;
  done_ = true;
  finished_.NotifyAll();
}

grpc::Status StreamSender::Wait() {
  MutexLock lock(mutex_);
  while (!done_) finished_.Wait(mutex_);
  return status_;
}

}  // namespace batchsql::bench
