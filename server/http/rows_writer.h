#pragma once

#include <chrono>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/ingestor.h"
#include "server/decode/row_source.h"
#include "server/http/rows_handler.h"

namespace batchsql {

// Takes rows that came over HTTP through the same intake as gRPC's and waits for what becomes of
// them. Called by the HTTP server's threads; ends with the last call.
class RowsWriter {
 public:
  struct Options {
    RequestLimits limits;
    // For the answer; afterwards DEADLINE_EXCEEDED, and the rows may still be written.
    Duration wait_max = std::chrono::seconds(30);
  };

  // The ingestor must outlive the writer and its calls.
  RowsWriter(Options options, Ingestor& ingestor) : options_(options), ingestor_(ingestor) {}

  absl::StatusOr<WriteAnswer> Write(RowsRequest request);

 private:
  const Options options_;
  Ingestor& ingestor_;
};

}  // namespace batchsql
