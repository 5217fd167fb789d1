#pragma once

#include "absl/status/statusor.h"
#include "config/options.h"

namespace batchsql {

// The address with its host in numbers; a name is looked up, IPv4 first. INVALID_ARGUMENT for no
// host, UNAVAILABLE for a name that is not known.
absl::StatusOr<ListenAddress> ResolveHost(const ListenAddress& address);

}  // namespace batchsql
