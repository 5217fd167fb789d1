#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/options.h"
#include "core/budget.h"
#include "core/clock.h"
#include "core/dead_letters/letter_space.h"
#include "core/disk_budget.h"
#include "core/ingestor.h"
#include "core/metrics.h"
#include "core/periodic.h"
#include "server/data_directory.h"
#include "server/grpc/grpc_server.h"
#include "server/http/http_server.h"

namespace batchsql {

// The whole daemon: wires configuration, core and front ends, in order of dependence. Used by the
// main thread; ends with Stop.
class Daemon {
 public:
  // Listens and starts serving; databases that are away are tried until they answer.
  // FAILED_PRECONDITION (data directory), UNAVAILABLE (an address is in use).
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Options& options);

  // Turns readiness off, refuses new rows, flushes what is queued within shutdown.grace_ms, answers
  // every request, and closes the listeners.
  void Stop();

 private:
  Daemon(const Options& options, DataDirectory directory);
  absl::Status Listen();
  absl::Status Readiness() const;

  const Options options_;
  const DataDirectory directory_;
  SystemClock clock_;
  Metrics metrics_;
  Budget budget_;
  DiskBudget disk_;
  LetterSpace letters_;
  Ingestor ingestor_;
  std::optional<Periodic> ledgers_;  // saves them
  std::atomic<bool> ready_{false};
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace batchsql
