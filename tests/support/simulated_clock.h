#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/clock.h"

namespace batchsql {

// Time that moves only when a test says so. A thread in WaitUntil waits until it is notified or
// until Advance has passed its deadline. Thread-safe; outlives the threads that wait.
class SimulatedClock : public Clock {
 public:
  TimePoint Now() override;
  void WaitUntil(CondVar& condition, Mutex& mutex, TimePoint deadline) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // Moves the time on and wakes those whose deadline it reaches.
  void Advance(Duration duration);

  // Waits, in real time, until `count` threads are blocked in WaitUntil.
  void AwaitWaiters(size_t count);
  // Waits until some thread is blocked with just this deadline.
  void AwaitDeadline(TimePoint deadline);
  // Waits until some thread is blocked, and moves the time on to the earliest deadline.
  void AdvanceToNextDeadline();

 private:
  struct Waiter {
    CondVar* condition;
    Mutex* mutex;
    TimePoint deadline;
    const void* thread;  // identity of the waiting call
  };
  void AdvanceTo(TimePoint time);

  Mutex mutex_;
  CondVar changed_;
  TimePoint now_ ABSL_GUARDED_BY(mutex_) = TimePoint(std::chrono::hours(1000));
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
