#include "server/http/connection_watchdog.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace batchsql {
namespace {

void ShutDown(const ConnectionEnds& ends, ConnectionWatchdog::Side side) {
  const int fd = FindConnection(ends);
  if (fd < 0) return;
  shutdown(fd, side == ConnectionWatchdog::Side::kRead ? SHUT_RD : SHUT_RDWR);
}

}  // namespace

ConnectionWatchdog::ConnectionWatchdog() : thread_([this] { Run(); }) {}

ConnectionWatchdog::~ConnectionWatchdog() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void ConnectionWatchdog::Run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const auto next =
        std::min_element(watched_.begin(), watched_.end(), [](const Watched& a, const Watched& b) {
          return std::pair(a.expired, a.deadline) < std::pair(b.expired, b.deadline);
        });
    if (next == watched_.end() || next->expired) {
      changed_.Wait(mutex_);
    } else if (std::chrono::steady_clock::now() < next->deadline) {
      changed_.WaitUntil(mutex_, next->deadline);
    } else {
      next->expired = true;
      next->ending = true;  // keeps the guard, and with it the descriptor, while the lock is open
      const ConnectionEnds ends = next->ends;
      const Side side = next->side;
      mutex_.Unlock();
      ShutDown(ends, side);
      mutex_.Lock();
      next->ending = false;
      changed_.NotifyAll();
    }
  }
}

ConnectionWatchdog::Guard::Guard(ConnectionWatchdog& watchdog, ConnectionEnds ends, Side side,
                                 std::chrono::milliseconds limit)
    : watchdog_(watchdog) {
  const TimePoint deadline = std::chrono::steady_clock::now() + limit;
  MutexLock lock(watchdog_.mutex_);
  watched_ = watchdog_.watched_.insert(watchdog_.watched_.end(),
                                       {std::move(ends), side, deadline, false, false});
  watchdog_.changed_.NotifyAll();
}

ConnectionWatchdog::Guard::~Guard() {
  MutexLock lock(watchdog_.mutex_);
  while (watched_->ending) watchdog_.changed_.Wait(watchdog_.mutex_);
  watchdog_.watched_.erase(watched_);
}

bool ConnectionWatchdog::Guard::expired() const {
  MutexLock lock(watchdog_.mutex_);
  return watched_->expired;
}

}  // namespace batchsql
