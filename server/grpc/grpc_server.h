#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/ingestor.h"
#include "core/metric_registry.h"
#include "server/last_reload.h"
#include "server/live_limits.h"

namespace batchsql {

// The gRPC front end: Ingest, Admin, reflection and grpc.health.v1 on one listening address. Owns
// gRPC's threads, which end with Shutdown or the destructor. What it is started with must outlive
// it.
class GrpcServer {
 public:
  // UNAVAILABLE when the address cannot be listened on.
  // `listen` is host:port; port 0 chooses a free one.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::string& listen,
                                                           const LiveLimits& limits,
                                                           const LastReload& last_reload,
                                                           Ingestor& ingestor,
                                                           MetricRegistry& registry);
  ~GrpcServer();

  int port() const;
  // What grpc.health.v1 answers; starts as false.
  void SetReady(bool ready);
  // Streams take no more requests, answer what they have, and end with UNAVAILABLE.
  void StopStreams();
  // Refuses new calls and waits for the end of those under way and of idle connections; what is
  // left at `deadline` is cut off.
  void Shutdown(std::chrono::system_clock::time_point deadline);

 private:
  struct Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace batchsql
