#include "tests/support/simulated_clock.h"

#include <algorithm>

namespace batchsql {

TimePoint SimulatedClock::Now() {
  MutexLock lock(mutex_);
  return now_;
}

void SimulatedClock::WaitUntil(CondVar& condition, Mutex& mutex, TimePoint deadline) {
  const char identity = 0;
  {
    MutexLock lock(mutex_);
    if (now_ >= deadline) return;
    waiters_.push_back({&condition, &mutex, deadline, &identity});
    changed_.NotifyAll();
  }
  condition.Wait(mutex);
  MutexLock lock(mutex_);
  std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.thread == &identity; });
}

void SimulatedClock::Advance(Duration duration) { AdvanceTo(Now() + duration); }

// A waiter that is registered still holds its mutex until it really waits, so taking that mutex
// before notifying makes sure that the notice arrives. Woken ones count as blocked no more.
void SimulatedClock::AdvanceTo(TimePoint time) {
  std::vector<Waiter> due;
  {
    MutexLock lock(mutex_);
    now_ = std::max(now_, time);
    const auto split = std::partition(waiters_.begin(), waiters_.end(),
                                      [&](const Waiter& waiter) { return waiter.deadline > time; });
    due.assign(split, waiters_.end());
    waiters_.erase(split, waiters_.end());
  }
  for (const Waiter& waiter : due) {
    MutexLock lock(*waiter.mutex);
    waiter.condition->NotifyAll();
  }
}

void SimulatedClock::AwaitWaiters(size_t count) {
  MutexLock lock(mutex_);
  while (waiters_.size() < count) changed_.Wait(mutex_);
}

void SimulatedClock::AwaitDeadline(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (std::none_of(waiters_.begin(), waiters_.end(),
                      [&](const Waiter& waiter) { return waiter.deadline == deadline; })) {
    changed_.Wait(mutex_);
  }
}

void SimulatedClock::AdvanceToNextDeadline() {
  TimePoint next;
  {
    MutexLock lock(mutex_);
    while (waiters_.empty()) changed_.Wait(mutex_);
    next = std::min_element(waiters_.begin(), waiters_.end(), [](const Waiter& a, const Waiter& b) {
             return a.deadline < b.deadline;
           })->deadline;
  }
  AdvanceTo(next);
}

}  // namespace batchsql
