#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/budget.h"
#include "core/pipeline.h"
#include "server/decode/row_source.h"

namespace batchsql {

// A dead letter to be written again.
struct LetterReplay {
  uint64_t id = 0;
  std::string row_json;  // one JSON object instead of the letter's row; empty: the row as it is
};

struct ReplayOutcome {
  uint64_t id = 0;
  // OK: the row is in the journal, or without one in the table, and the letter says that it was
  // replayed. DEADLINE_EXCEEDED: the row is queued for the table, and repeating the replay tells
  // what became of it. Else the letter is as it was, or, if only that could not be noted, repeating
  // the replay notes it.
  absl::Status status;
  bool repeated = false;  // it had been replayed before: nothing was written
};

// Writes letters of the pipeline, which must have some, as new rows: through validation against the
// table as it is now, and into the journal. Each once, however often it is repeated. Returns in the
// order of `replays`, whose ids differ, when all are answered. For one thread at a time.
std::vector<ReplayOutcome> ReplayLetters(Pipeline& pipeline, Budget& budget,
                                         const RequestLimits& limits,
                                         std::vector<LetterReplay> replays);

}  // namespace batchsql
