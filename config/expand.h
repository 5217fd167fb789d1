#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace batchsql {

// An environment variable's value; nullopt: not set.
using VariableLookup = std::function<std::optional<std::string>(const std::string& name)>;

// The variables of this process.
VariableLookup ProcessVariables();

// Replaces ${NAME} by a variable, ${file:/path} by a file's text without its last line break, and
// $$ by a dollar sign; what is put in is not expanded again. Errors are INVALID_ARGUMENT and name
// the variable or the path, never any other part of `text`, which may be a secret.
absl::StatusOr<std::string> Expand(std::string_view text, const VariableLookup& variables);

// The whole of a file of at most `bytes_max` bytes. Errors are INVALID_ARGUMENT, without the path.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max);

}  // namespace batchsql
