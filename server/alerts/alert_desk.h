#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/alerts/alert.h"
#include "server/alerts/alert_book.h"

namespace batchsql {

// What is done at each look: see what fires, tell Alertmanager, remember it for the next process.
// Logs what begins and ends, and once when Alertmanager is away and once when it is back. Used by
// one thread, on which it calls back.
class AlertDesk {
 public:
  static constexpr size_t kAlertsPerPost = 100;
  static constexpr std::chrono::seconds kRetry{10};  // after a post that failed

  struct Callbacks {
    std::function<Findings()> look;
    std::function<absl::Status(const std::vector<Alert>&)> post;
    std::function<void(const std::vector<Firing>&)> remember;
  };

  // `remembered`: what an earlier process left firing.
  AlertDesk(Callbacks callbacks, const std::vector<Firing>& remembered);

  void Look(const Moment& now);

 private:
  void Observe(const Moment& now);
  absl::Status Post(const Moment& now);
  void Note(const absl::Status& posted, const Moment& now);

  const Callbacks callbacks_;
  AlertBook book_;
  bool away_ = false;
  std::optional<TimePoint> retry_at_;
};

}  // namespace batchsql
