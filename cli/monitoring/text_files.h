#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace batchsql::cli {

// Makes the folders above it. Errors name the path.
absl::Status WriteTextFile(const std::filesystem::path& path, const std::string& text);
absl::StatusOr<std::string> ReadTextFile(const std::filesystem::path& path);

}  // namespace batchsql::cli
