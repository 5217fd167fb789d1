#pragma once

#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "core/metric_registry.h"

namespace batchsql {

// The calls of one RPC, by the code that they ended with. Thread-safe; the registry must outlive
// it.
class CallMetrics {
 public:
  // `method` as in `Ingest/Write`.
  CallMetrics(MetricRegistry& registry, std::string method);

  void Ended(grpc::StatusCode code);
  // Ends a unary call and counts it.
  void Finish(grpc::ServerUnaryReactor* reactor, const grpc::Status& status);

 private:
  static constexpr size_t kCodes = 17;
  prometheus::Counter& CounterOf(grpc::StatusCode code);

  MetricRegistry& registry_;
  const std::string method_;
  // A series is made when its code first occurs, but for OK.
  std::array<std::atomic<prometheus::Counter*>, kCodes> counters_{};
};

// What the gRPC front end counts. Thread-safe.
struct GrpcMetrics {
  explicit GrpcMetrics(MetricRegistry& registry);

  CallMetrics write;
  CallMetrics write_stream;
  CallMetrics describe_table;
  CallMetrics list_tables;
  CallMetrics status;
  CallMetrics list_dead_letters;
  CallMetrics get_dead_letter;
  CallMetrics replay_dead_letters;
  CallMetrics purge_dead_letters;
  CallMetrics audit;
  CallMetrics list_producers;
  CallMetrics forget_producers;
  CallMetrics reconcile_table;
  prometheus::Gauge& streams;
  prometheus::Counter& received_bytes;
};

}  // namespace batchsql
