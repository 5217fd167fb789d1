#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace batchsql::cli {

// Has a running Prometheus write a snapshot, moves a copy of it to `copy`, which must not exist,
// and removes the snapshot. `data` is Prometheus' data folder. Returns the snapshot's name.
// FAILED_PRECONDITION where Prometheus runs without --web.enable-admin-api.
absl::StatusOr<std::string> BackUpPrometheus(const std::string& url,
                                             const std::filesystem::path& data,
                                             const std::filesystem::path& copy);

// Gives a Prometheus that does not run the copy as its data. What is in `data` is moved to
// `data`/before-restore first, which Prometheus does not read; the new files belong to whom the
// folder belongs. FAILED_PRECONDITION, and nothing is changed, where a Prometheus is writing
// there (as far as can be seen) or before-restore is there.
absl::Status RestorePrometheus(const std::filesystem::path& copy,
                               const std::filesystem::path& data);

}  // namespace batchsql::cli
