#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace batchsql {

// Posts to Alertmanager's v2 API, one request after another, over a connection that is kept. Used
// by one thread, but for Cancel.
class AlertmanagerClient {
 public:
  static constexpr long kConnectMaxMs = 2'000;
  static constexpr long kRequestMaxMs = 5'000;

  // `url` is where its paths begin: http://host:9093.
  explicit AlertmanagerClient(const std::string& url);
  ~AlertmanagerClient();
  AlertmanagerClient(const AlertmanagerClient&) = delete;
  AlertmanagerClient& operator=(const AlertmanagerClient&) = delete;

  // UNAVAILABLE: nobody took it within kRequestMaxMs, or it was refused.
  absl::Status PostAlerts(const std::string& body);
  // Gives up the post under way, within about a second, and all later ones. Thread-safe.
  void Cancel() { cancelled_ = true; }

 private:
  struct Handle;

  const std::string url_;
  const std::unique_ptr<Handle> handle_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace batchsql
