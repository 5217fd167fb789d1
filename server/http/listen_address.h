#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace batchsql {

struct ResolvedAddress {
  std::string host;  // numeric
  bool is_ipv6 = false;
  int port = 0;

  // `127.0.0.1:8080`, `[::1]:8080`
  std::string ToString() const;
};

// Reads `host:port` or `[address]:port`; a name is resolved, IPv4 first. INVALID_ARGUMENT for
// anything else, UNAVAILABLE for a name that is not known.
absl::StatusOr<ResolvedAddress> ResolveListenAddress(std::string_view text);

}  // namespace batchsql
