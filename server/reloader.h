#pragma once

#include <functional>
#include <thread>

#include "core/mutex.h"

namespace batchsql {

// Reloads on request, one after another, on a thread of its own, so that the main thread can stop
// the daemon meanwhile. Requests that come during a reload share the next one. The thread ends with
// the destructor, which waits for a reload under way.
class Reloader {
 public:
  explicit Reloader(std::function<void()> reload);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  void Request();

 private:
  void Run();

  const std::function<void()> reload_;
  Mutex mutex_;
  CondVar wake_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace batchsql
