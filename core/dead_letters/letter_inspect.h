#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/env.h"

namespace batchsql {

// A pipeline's folder of dead letters, looked at while no daemon has it open. Never changed.

struct LettersReport {
  uint32_t files = 0;
  uint64_t live = 0;
  uint64_t replayed = 0;
  uint64_t pending = 0;               // the next claim tells whether they are live
  uint64_t torn_bytes = 0;            // a crash's normal trace
  uint64_t lost_bytes = 0;            // of files that are there
  std::vector<std::string> problems;  // file, offset and what is wrong there
  // Ids, both ends included, of letters that may have been where nothing can be read.
  struct IdRange {
    uint64_t first = 0;
    uint64_t last = 0;
  };
  std::vector<IdRange> lost;
  // Of letters that can be read, and of which a later note may be lost: that they were replayed or
  // purged, or that their flush committed.
  std::vector<uint64_t> uncertain;

  bool sound() const { return problems.empty(); }
};

// Reads everything. NOT_FOUND: no letters. FAILED_PRECONDITION: of a newer version.
absl::StatusOr<LettersReport> VerifyLetters(Env* env, const std::string& directory);

// Writes what can be read to a new folder, under the same ids; uncertain letters as live ones.
// `out` must not exist, or be empty. Returns the report of the damaged one.
absl::StatusOr<LettersReport> RepairLetters(Env* env, const std::string& directory,
                                            const std::string& out);

}  // namespace batchsql
