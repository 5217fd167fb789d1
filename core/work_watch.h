#pragma once

#include <optional>

#include "core/clock.h"
#include "core/mutex.h"

namespace batchsql {

// How the threads of a pool wait for work: one watches and the others rest, so that news wakes one
// thread and not all of them. Its owner's mutex guards it.
class WorkWatch {
 public:
  // Called where nothing was found to do; returns when it is time to look again. Work may come
  // without a notice at `due`.
  void Wait(Clock& clock, Mutex& mutex, std::optional<TimePoint> due)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Called by a thread that found work, before it sets about it: there may be more.
  void PassOn() { (watched_ ? news_ : rest_).NotifyOne(); }

  void Notify() { news_.NotifyOne(); }
  void NotifyAll();

 private:
  CondVar news_;  // the watching thread's
  CondVar rest_;
  bool watched_ = false;
  std::optional<TimePoint> until_;  // while watched: when the watching thread looks again
};

}  // namespace batchsql
