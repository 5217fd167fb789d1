#pragma once

#include <memory>
#include <vector>

#include "core/budget.h"
#include "core/clock.h"
#include "core/dead_letters/dead_letter.h"
#include "core/producers.h"
#include "core/receipt.h"
#include "core/row_block.h"
#include "core/table_schema.h"

namespace batchsql {

// One request on its way through a pipeline: its rows, and what is known of its answer.
struct QueuedBlock {
  RowBlock rows;                              // may hold none: then only the answer is journaled
  std::shared_ptr<const TableSchema> schema;  // that the rows were checked against
  RequestAnswer answer;                       // its LSNs are given by the pipeline
  Budget::Reservation memory;
  Receipt receipt{nullptr};
  AckLevel level = AckLevel::kDatabase;  // that the client waits for
  TimePoint accepted_at;
  bool resumes = false;         // a gap before its sequence is no error
  uint64_t session = 0;         // of Pipeline::OpenSession, where the request came over a stream
  bool replay = false;          // of a dead letter
  uint64_t letter_time_ms = 0;  // when the row of that letter was refused
  // Rows that no longer fit the table after it was altered; no longer in `rows`. A letter for each,
  // to be kept by the attempt that commits without them.
  std::vector<RowRejection> refused;
  std::vector<DeadLetter> letters;
  // Rows that are in the table already, by another daemon's hand; no longer in `rows`.
  uint64_t deduplicated = 0;

  Lsn first_lsn() const { return answer.first_lsn; }
  Lsn last_lsn() const { return answer.last_lsn; }
  // That are accepted and not yet committed or answered.
  uint64_t pending_rows() const { return rows.rows() + letters.size() + deduplicated; }
};

}  // namespace batchsql
