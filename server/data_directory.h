#pragma once

#include <string>

#include "absl/status/status.h"

namespace batchsql {

// Makes the directory with mode 0700 if there is none (its parent must exist).
// FAILED_PRECONDITION when it is no directory, belongs to somebody else, or is open to others.
absl::Status PrepareDataDirectory(const std::string& path);

}  // namespace batchsql
