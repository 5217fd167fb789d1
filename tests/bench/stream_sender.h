#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <vector>

#include "batchsql/v1/ingest.pb.h"
#include "core/mutex.h"

namespace batchsql::bench {

// One stream of rows: writes its messages in order as soon as they are offered, with a bounded
// number of them unacknowledged. Owns its messages. Called by gRPC's threads and by one thread that
// offers and waits; ends with Wait.
class StreamSender : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // The level is that which the first message asks for.
  StreamSender(std::vector<grpc::ByteBuffer> messages, size_t unacknowledged_max,
               v1::AckLevel level);

  void Start(grpc::GenericStub& stub);
  // The next message may be written; `due` is when its latency begins.
  void Offer(Time due);
  void OfferAll();
  // Returns when every message was acknowledged or the stream broke. Call after everything was
  // offered.
  grpc::Status Wait();

  // After Wait.
  bool complete() const { return acknowledged_ == messages_.size(); }
  uint64_t rows_committed() const { return rows_committed_; }
  // From the time that a message was due to its acknowledgement, one for each.
  const std::vector<double>& latencies_ms() const { return latencies_ms_; }

  void OnWriteDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  enum class Step : uint8_t { kNothing, kWrite, kEnd };
  void WriteNext();
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Acknowledge(uint64_t through);

  const std::vector<grpc::ByteBuffer> messages_;
  const size_t unacknowledged_max_;
  const v1::AckLevel level_;
  grpc::ClientContext context_;
  grpc::ByteBuffer received_;
  uint64_t rows_committed_ = 0;       // the reads'
  std::vector<double> latencies_ms_;  // the reads'

  Mutex mutex_;
  CondVar finished_;
  std::vector<Time> due_ ABSL_GUARDED_BY(mutex_);  // of what was offered
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t acknowledged_ = 0;  // written by the reads under mutex_
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // nothing more is written
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql::bench
