#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "config/options.h"

namespace batchsql {

// host:port with a host name or an IPv4 address, or [IPv6]:port. INVALID_ARGUMENT says what is
// expected and does not quote the text.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace batchsql
