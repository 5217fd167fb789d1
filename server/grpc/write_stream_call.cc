#include "server/grpc/write_stream_call.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/mutex.h"
#include "server/grpc/status_details.h"
#include "server/grpc/stream_progress.h"
#include "server/grpc/write_intake.h"
#include "server/intake.h"

namespace batchsql {
namespace {

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// One stream: reads a request, hands its rows to the pipeline, reads the next; writes progress, at
// most one response at a time, so that many acknowledgements share one. The reactor is called by
// gRPC's threads; receipts are answered by the pipeline's. The object outlives OnDone until the
// last receipt is answered, held by `self_` and by the receipts' listeners.
class WriteStreamCall : public Reactor, public std::enable_shared_from_this<WriteStreamCall> {
 public:
  WriteStreamCall(Ingestor& ingestor, const LiveLimits& limits, GrpcMetrics& metrics,
                  OpenStreams& streams)
      : ingestor_(ingestor),
        limits_(limits),
        metrics_(metrics),
        streams_(streams),
        memory_wait_(std::make_shared<MemoryWait>(ingestor.budget())) {}

  void Begin() {
    self_ = shared_from_this();
    metrics_.streams.Increment();
    StartRead(&message_);
    number_in_streams_ = streams_.Add([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self != nullptr) self->EndOfRequests(absl::UnavailableError("the daemon is stopping"));
    });
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      EndOfRequests(absl::OkStatus());
      return;
    }
    if (Ended()) return;
    if (absl::Status status = HandleRequest(); !status.ok()) EndOfRequests(status);
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mutex_);
      writing_ = false;
      broken_ = broken_ || !ok;
    }
    WriteOrFinish();
  }

  void OnCancel() override {
    {
      MutexLock lock(mutex_);
      broken_ = true;
    }
    EndOfRequests(absl::CancelledError("the stream was cancelled"));
    memory_wait_->End();
  }

  void OnDone() override {
    streams_.Remove(number_in_streams_);
    metrics_.streams.Decrement();
    {
      MutexLock lock(mutex_);
      done_ = true;
    }
    CloseSession();
    const std::shared_ptr<WriteStreamCall> last_use = std::move(self_);
  }

 private:
  // What the first request fixes for the stream.
  struct Opening {
    Pipeline* pipeline;
    std::string table;
    std::string producer_id;
    AckLevel level;
    int ack;
    bool numbered = false;  // by the client
    uint64_t session = 0;
  };

  absl::Status HandleRequest() {
    const uint64_t size = message_.Length();
    metrics_.received_bytes.Increment(static_cast<double>(size));
    absl::StatusOr<ReceivedRequest> received = ReceiveWriteRequest(message_, limits_.Get());
    if (!received.ok()) return received.status();
    DecodedRequest& request = received->request;
    if (!opening_.has_value()) {
      if (absl::Status status = Open(request); !status.ok()) return status;
      OpenSession(std::move(*received), size);
      return absl::OkStatus();
    }
    if (absl::Status status = CheckSame(request); !status.ok()) return status;
    if (request.rows == nullptr) {
      return absl::InvalidArgumentError("the request has neither rows nor columns");
    }
    return Take(std::move(*received), size);
  }

  absl::Status Open(const DecodedRequest& request) {
    const absl::StatusOr<std::optional<AckLevel>> asked = ReadAckLevel(request.ack);
    if (!asked.ok()) return asked.status();
    const absl::StatusOr<Pipeline*> pipeline = ingestor_.Find(request.table);
    if (!pipeline.ok()) return pipeline.status();
    const absl::StatusOr<AckLevel> level = ResolveLevel(*asked, **pipeline);
    if (!level.ok()) return level.status();
    opening_ = Opening{*pipeline, std::string(request.table), std::string(request.producer_id),
                       *level, request.ack};
    return absl::OkStatus();
  }

  // Nothing is read until the pipeline knows where the producer stands.
  void OpenSession(ReceivedRequest first, uint64_t size) {
    if (opening_->producer_id.empty()) {
      Opened(Pipeline::Session{}, std::move(first), size);
      return;
    }
    {
      MutexLock lock(mutex_);
      underway_ = true;
    }
    opening_->pipeline->OpenSession(
        opening_->producer_id, [self = shared_from_this(), first = std::move(first),
                                size](const absl::StatusOr<Pipeline::Session>& session) mutable {
          self->Opened(session, std::move(first), size);
        });
  }

  void Opened(const absl::StatusOr<Pipeline::Session>& session, ReceivedRequest first,
              uint64_t size) {
    if (!session.ok()) {
      EndOfRequests(session.status());
      return;
    }
    opening_->session = session->id;
    bool ended = false;
    {
      MutexLock lock(mutex_);
      session_open_ = session->id != 0;
      ended = ended_;
      if (!ended) {
        progress_.emplace(opening_->level, opening_->pipeline->has_journal(),
                          session->last_sequence, session->committed_sequence);
        greet_ = true;
      }
    }
    if (ended) {
      NothingUnderway();
      return;
    }
    WriteOrFinish();
    if (first.request.rows == nullptr) {
      NothingUnderway();
      ReadNext();
    } else if (absl::Status status = Take(std::move(first), size); !status.ok()) {
      NothingUnderway();
      EndOfRequests(status);
    }
  }

  void NothingUnderway() {
    {
      MutexLock lock(mutex_);
      underway_ = false;
    }
    CloseSession();
  }

  // When the stream is over, and nothing that it asked of the pipeline is still to come.
  void CloseSession() {
    {
      MutexLock lock(mutex_);
      if (!done_ || underway_ || !std::exchange(session_open_, false)) return;
    }
    opening_->pipeline->CloseSession(opening_->producer_id);
  }

  absl::Status CheckSame(const DecodedRequest& request) {
    if (!request.table.empty() && request.table != opening_->table) {
      return absl::InvalidArgumentError("a stream carries rows of one table");
    }
    if (!request.producer_id.empty() && request.producer_id != opening_->producer_id) {
      return absl::InvalidArgumentError("a stream carries rows of one producer");
    }
    if (request.ack != 0 && request.ack != opening_->ack) {
      return absl::InvalidArgumentError("a stream has one acknowledgement level");
    }
    return absl::OkStatus();
  }

  // Gives the request its number, or checks the client's.
  absl::Status Number(DecodedRequest& request) {
    const bool numbered = request.sequence != 0;
    if (last_number_ == 0) {
      opening_->numbered = numbered;
      last_number_ = numbered ? request.sequence : 1;
    } else if (numbered != opening_->numbered) {
      return absl::InvalidArgumentError("a stream numbers all its requests or none");
    } else if (numbered && request.sequence != last_number_ + 1 &&
               (request.resume_at == 0 || request.sequence <= last_number_)) {
      return absl::FailedPreconditionError(absl::StrCat("sequence ", request.sequence, " where ",
                                                        last_number_ + 1, " was expected"));
    } else {
      last_number_ = numbered ? request.sequence : last_number_ + 1;
    }
    return absl::OkStatus();
  }

  absl::Status Take(ReceivedRequest received, uint64_t size) {
    if (absl::Status status = Number(received.request); !status.ok()) return status;
    const uint64_t number = last_number_;
    IntakeRequest intake;
    intake.pipeline = opening_->pipeline;
    intake.level = opening_->level;
    received.request.producer_id = opening_->producer_id;
    if (absl::Status status = FillNumber(received.request, &intake); !status.ok()) return status;
    intake.session = opening_->session;
    intake.rows = std::move(received.request.rows);
    intake.buffer = std::move(received.buffer);
    intake.size_bytes = size;
    intake.memory_wait = memory_wait_;
    {
      MutexLock lock(mutex_);
      underway_ = true;
      progress_->Begin(number);
    }
    const auto self = shared_from_this();
    TakeRows(
        std::move(intake), ingestor_.budget(),
        [self, number](AckLevel reached, const RequestOutcome& outcome) {
          self->Reached(number, reached, outcome);
        },
        [self, number](absl::StatusOr<IntakeResult> result) {
          self->Taken(number, std::move(result));
        });
    return absl::OkStatus();
  }

  void Reached(uint64_t number, AckLevel reached, const RequestOutcome& outcome) {
    {
      MutexLock lock(mutex_);
      progress_->Reached(number, reached, outcome);
      // Else a client that goes on sending would never be told.
      ended_ = ended_ || !progress_->failure().ok();
    }
    WriteOrFinish();
  }

  // The next request is only read now: a client is slowed by what this stream waits for.
  void Taken(uint64_t number, absl::StatusOr<IntakeResult> result) {
    const bool ok = result.ok();
    absl::Status status = result.status();
    {
      MutexLock lock(mutex_);
      progress_->Taken(number, std::move(result));
    }
    NothingUnderway();
    if (!ok) {
      EndOfRequests(status);
      return;
    }
    ReadNext();
    WriteOrFinish();
  }

  bool Ended() {
    MutexLock lock(mutex_);
    return ended_;
  }

  void ReadNext() {
    MutexLock lock(mutex_);
    if (!finished_ && !ended_) StartRead(&message_);
  }

  // No request follows: the client closed its side, a request was refused, or the daemon stops.
  void EndOfRequests(const absl::Status& status) {
    {
      MutexLock lock(mutex_);
      ended_ = true;
      if (end_status_.ok()) end_status_ = status;
    }
    WriteOrFinish();
  }

  // Starts what can be started: a response, or the end.
  void WriteOrFinish() {
    // After Finish, OnDone may come before the lock is released.
    const std::shared_ptr<WriteStreamCall> keep_alive = shared_from_this();
    MutexLock lock(mutex_);
    if (finished_ || writing_) return;
    if (!broken_ && (greet_ || (progress_.has_value() && progress_->HasNews()))) {
      greet_ = false;
      writing_ = true;
      response_ = ToByteBuffer(progress_->TakeNews());
      StartWrite(&response_);
      return;
    }
    const bool failed = progress_.has_value() && !progress_->failure().ok();
    const bool all_reached = !progress_.has_value() || progress_->AllReached();
    if (!broken_ && !((ended_ || failed) && all_reached)) return;
    finished_ = true;
    const grpc::Status status = ToGrpcStatus(failed ? progress_->failure() : end_status_);
    metrics_.write_stream.Ended(status.error_code());
    Finish(status);
  }

  Ingestor& ingestor_;
  const LiveLimits& limits_;
  GrpcMetrics& metrics_;
  OpenStreams& streams_;
  const std::shared_ptr<MemoryWait> memory_wait_;
  uint64_t number_in_streams_ = 0;
  std::shared_ptr<WriteStreamCall> self_;

  // Used by one callback at a time, from read to read.
  grpc::ByteBuffer message_;
  std::optional<Opening> opening_;
  uint64_t last_number_ = 0;

  Mutex mutex_;
  std::optional<StreamProgress> progress_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer response_ ABSL_GUARDED_BY(mutex_);
  bool greet_ ABSL_GUARDED_BY(mutex_) = false;  // the first response is due
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // the client is gone
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;          // gRPC calls no more
  bool underway_ ABSL_GUARDED_BY(mutex_) = false;      // a session or a request is asked for
  bool session_open_ ABSL_GUARDED_BY(mutex_) = false;  // of a producer
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Reactor* MakeWriteStreamCall(Ingestor& ingestor, const LiveLimits& limits, GrpcMetrics& metrics,
                             OpenStreams& streams) {
  const auto call = std::make_shared<WriteStreamCall>(ingestor, limits, metrics, streams);
  call->Begin();
  return call.get();
}

}  // namespace batchsql
