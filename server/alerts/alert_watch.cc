#include "server/alerts/alert_watch.h"

#include <utility>

#include "core/log.h"
#include "server/alerts/alert_rules.h"

namespace batchsql {

AlertWatch::AlertWatch(Options options, const Ingestor* ingestor, Env* env, Clock* clock)
    : options_(std::move(options)),
      clock_(clock),
      memory_(env, options_.directory),
      client_(options_.alertmanager_url),
      desk_({[ingestor] { return FindProblems(*ingestor); },
             [this](const std::vector<Alert>& alerts) {
               return client_.PostAlerts(AlertsJson(alerts, options_.context));
             },
             [this](const std::vector<Firing>& firing) { Save(firing); }},
            Recall()),
      thread_([this] { Run(); }) {}

AlertWatch::~AlertWatch() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    wake_.NotifyAll();
  }
  client_.Cancel();
  thread_.join();
}

std::vector<Firing> AlertWatch::Recall() const {
  absl::StatusOr<std::vector<Firing>> remembered = memory_.Load();
  if (remembered.ok()) return *std::move(remembered);
  Log(LogLevel::kWarning, "what was firing is not known; it ends by itself",
      {{"reason", std::string(remembered.status().message())}});
  return {};
}

// A full disk is one of the reasons to be here.
void AlertWatch::Save(const std::vector<Firing>& firing) {
  const absl::Status saved = memory_.Save(firing);
  if (saved.ok()) return;
  Log(LogLevel::kWarning, "what fires is not remembered for the next start",
      {{"reason", std::string(saved.message())}});
}

void AlertWatch::Run() {
  while (true) {
    const TimePoint now = clock_->Now();
    desk_.Look({now, std::chrono::system_clock::now()});
    MutexLock lock(mutex_);
    while (!ending_ && clock_->Now() < now + kInterval) {
      clock_->WaitUntil(wake_, mutex_, now + kInterval);
    }
    if (ending_) return;
  }
}

}  // namespace batchsql
