#include "server/alerts/alert_desk.h"

#include <string>
#include <utility>

#include "core/log.h"

namespace batchsql {
namespace {

void LogChange(LogLevel level, std::string_view what, const AlertKey& key) {
  Log(level, what,
      {{"alert", std::string(AlertName(key.kind))},
       {"target", key.database},
       {"table", key.table}});
}

}  // namespace

AlertDesk::AlertDesk(Callbacks callbacks, const std::vector<Firing>& remembered)
    : callbacks_(std::move(callbacks)) {
  for (const Firing& firing : remembered) book_.Remember(firing);
}

void AlertDesk::Look(const Moment& now) {
  Observe(now);
  if (retry_at_.has_value() && now.steady < *retry_at_) return;
  Note(Post(now), now);
}

void AlertDesk::Observe(const Moment& now) {
  const AlertBook::Changes changes = book_.Observe(callbacks_.look(), now);
  for (const Problem& problem : changes.begun) {
    LogChange(LogLevel::kError, "an alert fires", problem.key);
  }
  for (const AlertKey& key : changes.over) LogChange(LogLevel::kInfo, "an alert is over", key);
  // Before anybody hears of it: who dies in between still has something to resolve.
  if (!changes.begun.empty()) callbacks_.remember(book_.firing());
}

absl::Status AlertDesk::Post(const Moment& now) {
  bool ended = false;
  while (true) {
    const std::vector<Alert> due = book_.Due(now, kAlertsPerPost);
    if (due.empty()) break;
    for (const Alert& alert : due) ended |= alert.ends_at <= now.wall;
    absl::Status posted = callbacks_.post(due);
    book_.Told(posted.ok(), now);
    if (!posted.ok()) return posted;
  }
  if (ended) callbacks_.remember(book_.firing());
  return absl::OkStatus();
}

void AlertDesk::Note(const absl::Status& posted, const Moment& now) {
  const bool was_away = std::exchange(away_, !posted.ok());
  retry_at_.reset();
  if (away_) retry_at_ = now.steady + kRetry;
  if (away_ && !was_away) {
    Log(LogLevel::kWarning, "alerts cannot be posted; trying again",
        {{"reason", std::string(posted.message())}});
  } else if (was_away && !away_) {
    Log(LogLevel::kInfo, "alerts are posted again");
  }
}

}  // namespace batchsql
