#pragma once

#include <chrono>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/ingestor.h"
#include "server/http/rows_handler.h"
#include "server/live_limits.h"

namespace batchsql {

// Takes rows that came over HTTP through the same intake as gRPC's and waits for what becomes of
// them. Called by the HTTP server's threads; ends with the last call.
class RowsWriter {
 public:
  struct Options {
    // For the answer; afterwards DEADLINE_EXCEEDED, and the rows may still be written.
    Duration wait_max = std::chrono::seconds(30);
  };

  // The limits and the ingestor must outlive the writer and its calls.
  RowsWriter(Options options, const LiveLimits& limits, Ingestor& ingestor)
      : options_(options), limits_(limits), ingestor_(ingestor) {}

  absl::StatusOr<WriteAnswer> Write(RowsRequest request);

 private:
  const Options options_;
  const LiveLimits& limits_;
  Ingestor& ingestor_;
};

}  // namespace batchsql
