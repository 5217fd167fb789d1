#include "server/http/socket_lookup.h"

#include <dirent.h>
#include <netdb.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>
#include <string_view>
#include <vector>

namespace batchsql {
namespace {

struct SocketName {
  std::string address;
  int port = -1;
};

using NameOf = int (*)(int, sockaddr*, socklen_t*);

int ToNumber(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

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
  return {host, ToNumber(service)};
}

std::vector<int> OpenDescriptors() {
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  std::vector<int> descriptors;
  const std::unique_ptr<DIR, Close> directory(opendir("/proc/self/fd"));
  if (directory == nullptr) return descriptors;
  // Only threads that share the stream race in readdir.
  while (const dirent* entry = readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
    if (const int fd = ToNumber(entry->d_name); fd >= 0) descriptors.push_back(fd);
  }
  return descriptors;
}

}  // namespace

int FindConnection(const ConnectionEnds& ends) {
  for (const int fd : OpenDescriptors()) {
    const SocketName remote = Describe(fd, &getpeername);
    if (remote.port == ends.remote_port && remote.address == ends.remote_address &&
        Describe(fd, &getsockname).port == ends.local_port) {
      return fd;
    }
  }
  return -1;
}

int FindListener(int local_port) {
  for (const int fd : OpenDescriptors()) {
    int listening = 0;
    socklen_t length = sizeof(listening);
    if (Describe(fd, &getsockname).port == local_port &&
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0) {
      return fd;
    }
  }
  return -1;
}

}  // namespace batchsql
