#include "server/http/connection_watchdog.h"

#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

namespace batchsql {
namespace {

struct SocketName {
  std::string address;
  int port = -1;
};

using NameOf = int (*)(int, sockaddr*, socklen_t*);

SocketName Describe(int fd, NameOf name_of) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  if (name_of(fd, generic, &length) != 0) return {};
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return {};
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  if (getnameinfo(generic, length, host, sizeof(host), service, sizeof(service),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  return {host, std::atoi(service)};
}

bool IsConnection(int fd, const ConnectionEnds& ends) {
  const SocketName remote = Describe(fd, &getpeername);
  return remote.port == ends.remote_port && remote.address == ends.remote_address &&
         Describe(fd, &getsockname).port == ends.local_port;
}

// The library hands out no descriptor, so it is looked for by its two ends, which are unique. Only
// for connections whose time is up.
int FindSocket(const ConnectionEnds& ends) {
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(opendir("/proc/self/fd"));
  if (directory == nullptr) return -1;
  while (const dirent* entry = readdir(directory.get())) {
    char* end = nullptr;
    const long fd = std::strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end != '\0') continue;
    if (IsConnection(static_cast<int>(fd), ends)) return static_cast<int>(fd);
  }
  return -1;
}

void ShutDown(const ConnectionEnds& ends, ConnectionWatchdog::Side side) {
  const int fd = FindSocket(ends);
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
    const auto next = std::min_element(watched_.begin(), watched_.end(),
                                       [](const Watched& a, const Watched& b) {
                                         return std::pair(a.expired, a.deadline) <
                                                std::pair(b.expired, b.deadline);
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
