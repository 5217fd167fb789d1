#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/options.h"
#include "core/budget.h"
#include "core/clock.h"
#include "core/dead_letters/letter_space.h"
#include "core/disk_budget.h"
#include "core/ingestor.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/periodic.h"
#include "server/alerts/alert_watch.h"
#include "server/data_directory.h"
#include "server/grpc/grpc_server.h"
#include "server/http/http_server.h"
#include "server/last_reload.h"
#include "server/live_limits.h"

namespace batchsql {

// The whole daemon: wires configuration, core and front ends, in order of dependence. Used by the
// main thread, but for Reload; ends with Stop.
class Daemon {
 public:
  // Listens and starts serving; databases that are away are tried until they answer.
  // FAILED_PRECONDITION (data directory), UNAVAILABLE (an address is in use).
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Options& options);

  // Serves by other options from here on, as far as no restart is needed; the log names what waits
  // for one. Returns when it does. An error, which says what is wrong with the file, changes
  // nothing and is reported. Called by one thread at a time.
  void Reload(absl::StatusOr<Options> fresh);

  // Turns readiness off, refuses new rows, flushes what is queued within shutdown.grace_ms, answers
  // every request, and closes the listeners.
  void Stop();
  std::chrono::milliseconds shutdown_grace() const;

 private:
  Daemon(const Options& options, DataDirectory directory);
  absl::Status Listen(const Options& options);
  void WatchForAlerts(const Options& options);
  absl::Status Readiness() const;
  std::vector<std::string> TakeOver(Options fresh);
  void ReportFailedReload(const absl::Status& reason);

  const DataDirectory directory_;
  SystemClock clock_;
  const TimePoint started_ = clock_.Now();
  Metrics metrics_;
  Budget budget_;
  DiskBudget disk_;
  LetterSpace letters_;
  LiveLimits limits_;
  LastReload last_reload_;
  Ingestor ingestor_;
  std::optional<Periodic> ledgers_;  // saves them
  std::atomic<bool> ready_{false};
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<AlertWatch> alerts_;  // null: the environment has no Alertmanager

  mutable Mutex mutex_;
  Options options_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
