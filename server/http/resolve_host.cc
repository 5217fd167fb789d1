#include "server/http/resolve_host.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* info) const { freeaddrinfo(info); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses Lookup(const std::string& host, int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return nullptr;
  return Addresses(found);
}

}  // namespace

absl::StatusOr<ListenAddress> ResolveHost(const ListenAddress& address) {
  if (address.host.empty()) return absl::InvalidArgumentError("no host to listen on");
  Addresses found = Lookup(address.host, AF_INET);
  if (found == nullptr) found = Lookup(address.host, AF_INET6);
  char numeric[NI_MAXHOST];
  if (found == nullptr || getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric),
                                      nullptr, 0, NI_NUMERICHOST) != 0) {
    return absl::UnavailableError(absl::StrCat("host \"", address.host, "\" is not known"));
  }
  return ListenAddress{numeric, address.port};
}

}  // namespace batchsql
