#pragma once

#include <thread>

#include "absl/functional/any_invocable.h"
#include "core/clock.h"
#include "core/mutex.h"

namespace batchsql {

// Calls something every so often, on a thread of its own, until it is destroyed.
class Periodic {
 public:
  Periodic(Duration interval, absl::AnyInvocable<void()> call);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  void Run();

  const Duration interval_;
  absl::AnyInvocable<void()> call_;  // the thread's
  Mutex mutex_;
  CondVar wake_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace batchsql
