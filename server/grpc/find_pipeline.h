#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/ingestor.h"

namespace batchsql {

// The pipeline of `table` or `target/table`, of those that there are: asking makes none. NOT_FOUND.
// Thread-safe.
absl::StatusOr<Pipeline*> FindPipeline(const Ingestor& ingestor, const std::string& table);

}  // namespace batchsql
