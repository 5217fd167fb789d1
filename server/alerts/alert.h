#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace batchsql {

using WallTime = std::chrono::system_clock::time_point;

// The alerts that the daemon posts by itself: those that cannot wait for a scrape.
enum class AlertKind : uint8_t { kJournalDamaged, kDiskFull, kPipelineStopped };
inline constexpr AlertKind kAlertKinds[] = {AlertKind::kJournalDamaged, AlertKind::kDiskFull,
                                            AlertKind::kPipelineStopped};
// The label `alertname`, and the name of its runbook.
std::string_view AlertName(AlertKind kind);

// What Alertmanager tells one alert from another by.
struct AlertKey {
  AlertKind kind = AlertKind::kJournalDamaged;
  std::string database;
  std::string table;

  bool operator==(const AlertKey&) const = default;
  bool operator<(const AlertKey& other) const {
    return std::tie(kind, database, table) < std::tie(other.kind, other.database, other.table);
  }
};

// What is wrong with a pipeline.
struct Problem {
  AlertKey key;
  std::string reason;  // for people; never a row's value
};

// One look at all pipelines.
struct Findings {
  std::vector<Problem> problems;
  // (database, table) of pipelines that have not found out yet whether they can run.
  std::set<std::pair<std::string, std::string>> undecided;
};

struct Firing {
  Problem problem;
  WallTime starts_at;
};

// One alert as it is to be posted.
struct Alert {
  Problem problem;
  WallTime starts_at;
  WallTime ends_at;  // in the future while it fires
};

// One look at both clocks: time that is shown, and time that only moves on.
struct Moment {
  TimePoint steady;
  WallTime wall;
};

}  // namespace batchsql
