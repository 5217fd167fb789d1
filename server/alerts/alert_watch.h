#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/env.h"
#include "core/ingestor.h"
#include "core/mutex.h"
#include "server/alerts/alert_desk.h"
#include "server/alerts/alert_memory.h"
#include "server/alerts/alert_message.h"
#include "server/alerts/alertmanager_client.h"

namespace batchsql {

// Looks at the pipelines every few seconds, on a thread of its own, and posts what cannot wait for
// a scrape to Alertmanager. Pipelines never wait for it. The thread ends with the destructor; what
// fires then stays so, and ends by itself or is taken up by the next process.
class AlertWatch {
 public:
  static constexpr std::chrono::seconds kInterval{2};

  struct Options {
    std::string alertmanager_url;
    AlertContext context;
    std::string directory;  // of the memory
  };

  // All of them outlive it.
  AlertWatch(Options options, const Ingestor* ingestor, Env* env, Clock* clock);
  ~AlertWatch();
  AlertWatch(const AlertWatch&) = delete;
  AlertWatch& operator=(const AlertWatch&) = delete;

 private:
  std::vector<Firing> Recall() const;
  void Save(const std::vector<Firing>& firing);
  void Run();

  const Options options_;
  Clock* const clock_;
  AlertMemory memory_;         // the thread's
  AlertmanagerClient client_;  // the thread's, but for Cancel
  AlertDesk desk_;             // the thread's

  Mutex mutex_;
  CondVar wake_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace batchsql
