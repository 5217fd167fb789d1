#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace batchsql {

// The address of an HTTP API, to which paths are appended: http(s)://host[:port][/path], returned
// without a slash at its end. INVALID_ARGUMENT, without quoting the text: another scheme,
// credentials (they would end up in logs and alerts), a query or a fragment.
absl::StatusOr<std::string> ParseBaseUrl(std::string_view text);

}  // namespace batchsql
