#include "cli/load_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/connection.h"

namespace batchsql::cli {

LoadStream::LoadStream(v1::Ingest::StubInterface& stub, StreamOptions options, OnReject on_reject)
    : options_(std::move(options)),
      on_reject_(std::move(on_reject)),
      call_(stub.WriteStream(&context_)),
      sender_([this] { SendLoop(); }),
      receiver_([this] { ReceiveLoop(); }) {}

LoadStream::~LoadStream() {
  if (finished_) return;
  Cancel();
  // The reason is the caller's own.
  Finish().IgnoreError();
}

bool LoadStream::Send(Chunk chunk) {
  MutexLock lock(mutex_);
  while (!ended_ && queue_.size() >= options_.queue_messages) changed_.Wait(mutex_);
  if (ended_) return false;
  queue_.push_back(std::move(chunk));
  changed_.NotifyAll();
  return true;
}

absl::Status LoadStream::Finish() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }
  sender_.join();
  receiver_.join();
  finished_ = true;
  absl::Status status = FromGrpc(call_->Finish());
  MutexLock lock(mutex_);
  if (status.ok() && (acknowledged_ < sent_ || !queue_.empty())) {
    return absl::InternalError("the server ended the stream before it had acknowledged every row");
  }
  return status;
}

StreamProgress LoadStream::progress() const {
  MutexLock lock(mutex_);
  return progress_;
}

// Takes a chunk off the queue and into the window. False at the end.
bool LoadStream::TakeNext(Chunk* chunk) {
  MutexLock lock(mutex_);
  const auto window_is_full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return sent_ - acknowledged_ >= options_.window_messages ||
           unacknowledged_bytes_ >= options_.window_bytes;
  };
  while (!ended_ && (queue_.empty() ? !closed_ : window_is_full())) changed_.Wait(mutex_);
  if (ended_ || queue_.empty()) return false;
  *chunk = std::move(queue_.front());
  queue_.pop_front();
  Enter(*chunk);
  changed_.NotifyAll();
  return true;
}

void LoadStream::Enter(Chunk& chunk) {
  in_flight_.push_back({chunk.rows, 0, chunk.first_row, chunk.cell_bytes, chunk.file_offset,
                        std::move(chunk.lines)});
  ++sent_;
  unacknowledged_bytes_ += chunk.cell_bytes;
  progress_.rows_sent += chunk.rows;
}

void LoadStream::SendLoop() {
  Chunk chunk;
  uint64_t sequence = 0;
  while (TakeNext(&chunk)) {
    chunk.request.set_sequence(++sequence);
    if (sequence == 1) {
      chunk.request.set_table(options_.table);
      chunk.request.set_ack(options_.ack);
    }
    if (!call_->Write(chunk.request)) return;  // the receiver learns of the end
  }
  call_->WritesDone();
}

void LoadStream::ReceiveLoop() {
  v1::WriteStreamResponse response;
  while (call_->Read(&response)) Handle(response);
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

uint64_t AcknowledgedThrough(const v1::WriteStreamResponse& response, v1::AckLevel level) {
  switch (level) {
    case v1::ACK_LEVEL_MEMORY:
      return response.accepted_through();
    case v1::ACK_LEVEL_JOURNAL:
      return response.journaled_through();
    default:
      return response.committed_through();
  }
}

void LoadStream::Handle(const v1::WriteStreamResponse& response) {
  for (const v1::RejectedRows& rejected : response.rejected()) HandleRejected(rejected);
  Advance(AcknowledgedThrough(response, options_.ack), response.committed_through());
}

void LoadStream::HandleRejected(const v1::RejectedRows& rejected) {
  std::vector<Reject> rejects;
  {
    MutexLock lock(mutex_);
    if (rejected.sequence() < first_sequence_ || rejected.sequence() > sent_) return;
    InFlight& message = in_flight_[rejected.sequence() - first_sequence_];
    for (const v1::RejectedRow& row : rejected.rows()) {
      if (row.row() >= message.rows) continue;
      rejects.push_back({message.lines.At(row.row()), message.first_row + row.row(), &row});
    }
    const auto count = static_cast<uint32_t>(rejects.size());
    message.rejected += count;
    progress_.rows_rejected += count;
    // Accepted at a lower level, and then refused by the database.
    if (rejected.sequence() <= acknowledged_) progress_.rows_accepted -= count;
  }
  for (const Reject& reject : rejects) on_reject_(reject);
}

void LoadStream::Advance(uint64_t acknowledged, uint64_t committed) {
  MutexLock lock(mutex_);
  acknowledged = std::min(acknowledged, sent_);
  for (; acknowledged_ < acknowledged; ++acknowledged_) {
    const InFlight& message = in_flight_[acknowledged_ + 1 - first_sequence_];
    progress_.rows_accepted += message.rows - message.rejected;
    progress_.file_offset = message.file_offset;
    unacknowledged_bytes_ -= message.bytes;
  }
  while (!in_flight_.empty() && first_sequence_ <= std::min(committed, acknowledged_)) {
    in_flight_.pop_front();
    ++first_sequence_;
  }
  changed_.NotifyAll();
}

}  // namespace batchsql::cli
