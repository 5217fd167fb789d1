#include "server/alerts/alert_book.h"

#include <iterator>
#include <set>
#include <utility>

namespace batchsql {

AlertBook::Changes AlertBook::Observe(const Findings& findings, const Moment& now) {
  Changes changes;
  std::set<AlertKey> found;
  for (const Problem& problem : findings.problems) {
    found.insert(problem.key);
    const auto [entry, added] = entries_.try_emplace(problem.key);
    Entry& state = entry->second;
    if (added || state.ended_at.has_value()) {
      state.starts_at = now.wall;
      state.ended_at.reset();
      state.told = false;
      changes.begun.push_back(problem);
    }
    state.reason = problem.reason;  // a new one is told with the next post
  }
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    Entry& state = entry->second;
    const AlertKey& key = entry->first;
    const bool goes_on =
        found.contains(key) || (key.kind != AlertKind::kJournalDamaged &&
                                findings.undecided.contains({key.database, key.table}));
    if (!goes_on && !state.ended_at.has_value()) {
      changes.over.push_back(key);
      state.ended_at = now.wall;
      state.told = false;
    }
    const bool nobody_knows = state.ended_at.has_value() && !state.maybe_known;
    entry = nobody_knows ? entries_.erase(entry) : std::next(entry);
  }
  return changes;
}

std::vector<Alert> AlertBook::Due(const Moment& now, size_t alerts_max) {
  std::vector<Alert> due;
  for (auto& [key, state] : entries_) {
    if (due.size() >= alerts_max) break;
    state.in_hand = !state.told || now.steady >= state.told_at + kRepost;
    if (!state.in_hand) continue;
    state.maybe_known = true;
    due.push_back(
        {{key, state.reason}, state.starts_at, state.ended_at.value_or(now.wall + kExpiry)});
  }
  return due;
}

void AlertBook::Told(bool taken, const Moment& now) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    Entry& state = entry->second;
    const bool heard = std::exchange(state.in_hand, false) && taken;
    if (heard) {
      state.told = true;
      state.told_at = now.steady;
    }
    entry = heard && state.ended_at.has_value() ? entries_.erase(entry) : std::next(entry);
  }
}

// Also what is over, until Alertmanager heard of it.
std::vector<Firing> AlertBook::firing() const {
  std::vector<Firing> firing;
  for (const auto& [key, state] : entries_)
    firing.push_back({{key, state.reason}, state.starts_at});
  return firing;
}

void AlertBook::Remember(const Firing& firing) {
  Entry& state = entries_[firing.problem.key];
  state.reason = firing.problem.reason;
  state.starts_at = firing.starts_at;
  state.maybe_known = true;
}

}  // namespace batchsql
