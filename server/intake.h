#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/ingestor.h"
#include "core/receipt.h"
#include "core/rejection.h"
#include "server/decode/row_source.h"
#include "server/memory_wait.h"

namespace batchsql {

// What validation made of a request.
struct IntakeResult {
  uint32_t queued_rows = 0;
  std::vector<RowRejection> rejected;  // ascending by row
  bool awaited = false;                // the receipt will tell more
};

// One request on its way from a protocol's front end into its pipeline: opens the table where that
// is needed, reserves memory, decodes, validates, queues. Shared by gRPC and HTTP.
struct IntakeRequest {
  Pipeline* pipeline = nullptr;
  AckLevel level = AckLevel::kDatabase;
  // A producer that numbers its requests; else empty and 0.
  std::string producer_id;
  uint64_t sequence = 0;
  Digest digest{};       // of the rows as received, for numbered requests
  bool resumes = false;  // a gap before `sequence` is no error
  uint64_t session = 0;  // of Pipeline::OpenSession; 0: no stream
  // Of a dead letter, by ReplayProducer: taken whole, or not at all and then not remembered. Other
  // requests may not come from such a producer.
  bool replay = false;
  uint64_t letter_time_ms = 0;  // when the letter's row was refused
  std::unique_ptr<RowSource> rows;
  std::shared_ptr<const void> buffer;  // what `rows` reads from
  uint64_t size_bytes = 0;             // of that
  // Waits for memory, for callers that can stop reading. Null: RESOURCE_EXHAUSTED.
  std::shared_ptr<MemoryWait> memory_wait;
};

// The level that a request is answered at: as asked, or by default JOURNAL, or DATABASE for a table
// without a journal. FAILED_PRECONDITION for JOURNAL on such a table.
absl::StatusOr<AckLevel> ResolveLevel(std::optional<AckLevel> asked, const Pipeline& pipeline);

// Called once, from any thread: validated and queued, or why the request as a whole was refused.
using IntakeCallback = absl::AnyInvocable<void(absl::StatusOr<IntakeResult>)>;

// Starts a request. `listener` is the receipt's; it is called, from any thread, only where the
// result is awaited, and may be called before `callback`. Never blocks on a database or on memory.
void TakeRows(IntakeRequest request, Budget& budget, Receipt::Listener listener,
              IntakeCallback callback);

}  // namespace batchsql
