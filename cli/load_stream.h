#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "batchsql/v1/ingest.grpc.pb.h"
#include "cli/chunk.h"
#include "cli/reject_report.h"
#include "core/mutex.h"

namespace batchsql::cli {

struct StreamOptions {
  std::string table;
  v1::AckLevel ack = v1::ACK_LEVEL_DATABASE;
  // Of messages that are sent and not yet acknowledged; one more message is sent while below.
  size_t window_messages = 4096;
  uint64_t window_bytes = uint64_t{64} << 20;
  // Messages that are made and not yet sent.
  size_t queue_messages = 4;
};

// What has become of the rows so far.
struct StreamProgress {
  uint64_t rows_sent = 0;
  uint64_t rows_accepted = 0;  // at the level asked for
  uint64_t rows_rejected = 0;
  uint64_t file_offset = 0;  // that the acknowledged chunks reach to
};

// The last message that has reached the level.
uint64_t AcknowledgedThrough(const v1::WriteStreamResponse& response, v1::AckLevel level);

// One WriteStream call. Owns a thread that sends and one that receives. Send is called by one
// thread; Cancel and progress by any. Finish ends both threads; without it the destructor cancels.
class LoadStream {
 public:
  // Called by the receiving thread.
  using OnReject = std::function<void(const Reject& reject)>;

  LoadStream(v1::Ingest::StubInterface& stub, StreamOptions options, OnReject on_reject);
  ~LoadStream();
  LoadStream(const LoadStream&) = delete;
  LoadStream& operator=(const LoadStream&) = delete;

  // Waits while the window is full. False once the stream has ended: Finish tells why.
  [[nodiscard]] bool Send(Chunk chunk);
  // Sends what is queued, waits for every acknowledgement. An error when the server refused a
  // message, was lost, or ended the stream early.
  absl::Status Finish();
  // Ends the stream at once; what is not acknowledged stays so.
  void Cancel() { context_.TryCancel(); }

  StreamProgress progress() const;

 private:
  // A message that was sent. Kept until it is committed: the database may refuse rows of it after
  // a lower level was reached.
  struct InFlight {
    uint32_t rows = 0;
    uint32_t rejected = 0;
    uint64_t first_row = 0;
    uint64_t bytes = 0;
    uint64_t file_offset = 0;
    RowLines lines;
  };

  void SendLoop();
  void ReceiveLoop();
  bool TakeNext(Chunk* chunk);
  void Enter(Chunk& chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Handle(const v1::WriteStreamResponse& response);
  void HandleRejected(const v1::RejectedRows& rejected);
  void Advance(uint64_t acknowledged, uint64_t committed);

  const StreamOptions options_;
  const OnReject on_reject_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriterInterface<v1::WriteStreamRequest, v1::WriteStreamResponse>>
      call_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Chunk> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;  // no more chunks come
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;   // the server takes and tells no more
  std::deque<InFlight> in_flight_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_sequence_ ABSL_GUARDED_BY(mutex_) = 1;  // of in_flight_'s front
  uint64_t sent_ ABSL_GUARDED_BY(mutex_) = 0;            // sequences
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unacknowledged_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  StreamProgress progress_ ABSL_GUARDED_BY(mutex_);

  bool finished_ = false;  // only Send's thread
  std::thread sender_;
  std::thread receiver_;
};

}  // namespace batchsql::cli
