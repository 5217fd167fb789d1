#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <thread>

#include "core/mutex.h"
#include "server/http/socket_lookup.h"

namespace batchsql {

// Ends reads and writes that take too long in all. The HTTP library limits the time of one read
// only, so that a client that sends a byte now and then could hold a thread for hours. The watchdog
// shuts the socket's side down, and the library's blocked call returns.
//
// Owns a thread, which ends with the object. Thread-safe; must outlive its guards.
class ConnectionWatchdog {
 public:
  enum class Side : uint8_t { kRead, kBoth };

  ConnectionWatchdog();
  ~ConnectionWatchdog();
  ConnectionWatchdog(const ConnectionWatchdog&) = delete;
  ConnectionWatchdog& operator=(const ConnectionWatchdog&) = delete;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Watched {
    ConnectionEnds ends;
    Side side = Side::kRead;
    TimePoint deadline;
    bool expired = false;
    bool ending = false;  // the watchdog's thread is at the socket
  };

 public:
  // Watches one connection while it lives. The connection must stay open as long: the library
  // closes it only after the handler has returned, so a guard inside a handler is safe.
  class Guard {
   public:
    Guard(ConnectionWatchdog& watchdog, ConnectionEnds ends, Side side,
          std::chrono::milliseconds limit);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    bool expired() const;

   private:
    ConnectionWatchdog& watchdog_;
    std::list<Watched>::iterator watched_;
  };

 private:
  void Run();

  mutable Mutex mutex_;
  CondVar changed_;
  std::list<Watched> watched_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace batchsql
