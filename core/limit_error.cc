#include "core/limit_error.h"

#include "absl/strings/cord.h"
#include "core/strings.h"

namespace batchsql {

namespace {

// Types of payloads without content.
constexpr absl::string_view kLimitPassed = "batchsql/limit-passed";
constexpr absl::string_view kNoneLeft = "batchsql/none-left";

absl::Status Exhausted(std::string_view message, absl::string_view type) {
  absl::Status status = absl::ResourceExhaustedError(AsAbsl(message));
  status.SetPayload(type, absl::Cord());
  return status;
}

}  // namespace

absl::Status LimitPassed(std::string_view message) { return Exhausted(message, kLimitPassed); }

bool IsLimitPassed(const absl::Status& status) {
  return status.GetPayload(kLimitPassed).has_value();
}

absl::Status NoneLeft(std::string_view message) { return Exhausted(message, kNoneLeft); }

bool IsNoneLeft(const absl::Status& status) { return status.GetPayload(kNoneLeft).has_value(); }

}  // namespace batchsql
