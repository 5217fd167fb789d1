#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "server/alerts/alert.h"

namespace batchsql {

inline AlertKey Key(AlertKind kind, std::string table = "t") {
  return {kind, "db", std::move(table)};
}
inline Problem Stopped(std::string table = "t") {
  return {Key(AlertKind::kPipelineStopped, std::move(table)), "why"};
}
inline Problem Damaged(std::string table = "t") {
  return {Key(AlertKind::kJournalDamaged, std::move(table)), "why"};
}

// Both clocks, `seconds` after the test's beginning.
inline Moment At(int64_t seconds) {
  return {TimePoint(std::chrono::hours(1000) + std::chrono::seconds(seconds)),
          WallTime(std::chrono::seconds(1'700'000'000 + seconds))};
}

// What a post says: the table, since when, and until when, in seconds of the test.
struct Said {
  std::string table;
  int64_t starts_at;
  int64_t ends_at;
  bool operator==(const Said&) const = default;
};

inline std::vector<Said> Say(const std::vector<Alert>& alerts) {
  const auto seconds = [](WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time - At(0).wall).count();
  };
  std::vector<Said> said;
  for (const Alert& alert : alerts) {
    said.push_back({alert.problem.key.table, seconds(alert.starts_at), seconds(alert.ends_at)});
  }
  return said;
}

}  // namespace batchsql
