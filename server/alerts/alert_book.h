#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/alerts/alert.h"

namespace batchsql {

// Which alerts fire, since when, and what Alertmanager has to be told of it. One entry an alert,
// never a queue: whoever could not be told hears the latest. Pure, time is an argument; used by one
// thread.
class AlertBook {
 public:
  // A firing alert is told again this often, ...
  static constexpr std::chrono::seconds kRepost{60};
  // ... and ends by itself this long after it was last told: two tellings may be missed.
  static constexpr std::chrono::seconds kExpiry{180};

  // What changed: alerts that begin to fire, or are over.
  struct Changes {
    std::vector<Problem> begun;
    std::vector<AlertKey> over;
  };
  // Where a pipeline is undecided, what fires goes on; but for damage, which is known at once.
  Changes Observe(const Findings& findings, const Moment& now);

  // What to tell now, `alerts_max` of it. Told says whether it was taken.
  std::vector<Alert> Due(const Moment& now, size_t alerts_max);
  void Told(bool taken, const Moment& now);

  // As it is to be remembered for the next process.
  std::vector<Firing> firing() const;
  // What an earlier process told: it fires until Observe finds otherwise.
  void Remember(const Firing& firing);

 private:
  struct Entry {
    std::string reason;
    WallTime starts_at;
    std::optional<WallTime> ended_at;  // nullopt: it fires
    bool maybe_known = false;          // Alertmanager may have heard of it
    bool told = false;                 // ... of this state
    bool in_hand = false;              // handed out by Due
    TimePoint told_at;
  };

  std::map<AlertKey, Entry> entries_;
};

}  // namespace batchsql
