#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace batchsql {

// RESOURCE_EXHAUSTED for a request that passes a limit by itself: trying it again does not help,
// unlike where a shared budget is used up. `message` names the limit.
absl::Status LimitPassed(std::string_view message);
bool IsLimitPassed(const absl::Status& status);

// RESOURCE_EXHAUSTED for what the daemon has no more of and will not get by itself, such as tables:
// trying again does not help either, though the request itself is no larger than others.
absl::Status NoneLeft(std::string_view message);
bool IsNoneLeft(const absl::Status& status);

}  // namespace batchsql
