#include "server/http/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/strings.h"

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

std::string ResolvedAddress::ToString() const {
  return is_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<ResolvedAddress> ResolveListenAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  uint32_t number = 0;
  const bool bare = !brackets && host.find_first_of(":[] ,") == std::string_view::npos;
  if (host.empty() || !(brackets || bare) || !absl::SimpleAtoi(AsAbsl(port), &number) ||
      number > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", AsAbsl(text), "\" is not an address of the form host:port"));
  }
  Addresses found;
  if (!brackets) found = Lookup(std::string(host), AF_INET);
  if (found == nullptr) found = Lookup(std::string(host), AF_INET6);
  char numeric[NI_MAXHOST];
  if (found == nullptr || getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric),
                                      nullptr, 0, NI_NUMERICHOST) != 0) {
    return absl::UnavailableError(absl::StrCat("host \"", AsAbsl(host), "\" is not known"));
  }
  return ResolvedAddress{numeric, found->ai_family == AF_INET6, static_cast<int>(number)};
}

}  // namespace batchsql
