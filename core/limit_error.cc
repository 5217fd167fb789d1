#include "core/limit_error.h"

#include "absl/strings/cord.h"
#include "core/strings.h"

namespace batchsql {

// Type of a payload without content.
constexpr absl::string_view kLimitPassed = "batchsql/limit-passed";

absl::Status LimitPassed(std::string_view message) {
  absl::Status status = absl::ResourceExhaustedError(AsAbsl(message));
  status.SetPayload(kLimitPassed, absl::Cord());
  return status;
}

bool IsLimitPassed(const absl::Status& status) {
  return status.GetPayload(kLimitPassed).has_value();
}

}  // namespace batchsql
