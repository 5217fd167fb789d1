#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/env.h"
#include "core/names.h"
#include "core/uuid.h"

namespace batchsql {

// What `batchsql journal` tells of a journal, and does with a copy of it. None of it changes the
// journal; none is for one that a daemon is writing.

struct LsnRange {
  Lsn first = 0;
  Lsn last = 0;  // included
  bool operator==(const LsnRange&) const = default;
};

struct JournalReport {
  Uuid id{};
  std::string table;  // of the last segment's schema; empty: none
  uint32_t segments = 0;
  uint64_t requests = 0;
  uint64_t rows = 0;
  Lsn first_lsn = 1;
  Lsn next_lsn = 1;
  uint64_t torn_bytes = 0;            // a crash's normal trace
  std::vector<std::string> problems;  // segment, offset and what is wrong there
  std::vector<LsnRange> lost;         // not readable, now or since an earlier repair

  bool sound() const { return problems.empty(); }
};

// Reads every record. FAILED_PRECONDITION: of a newer version. NOT_FOUND: no journal.
absl::StatusOr<JournalReport> VerifyJournal(Env* env, const std::string& directory);

// One line for each segment, record and problem, without any row's values.
absl::Status DumpJournal(Env* env, const std::string& directory,
                         absl::FunctionRef<void(std::string_view line)> print);

// Writes what can be read to a new journal of the same identity, in which the lost LSNs are marked
// as lost. `out` must not exist, or be empty. Returns the report of the damaged one.
absl::StatusOr<JournalReport> RepairJournal(Env* env, const std::string& directory,
                                            const std::string& out);

// Writes the requests from `from_lsn` on (0: all) to a new journal of a new identity, numbered from
// 1, without claims; every earlier answer of a producer counts as committed. DATA_LOSS: it must be
// repaired first. INVALID_ARGUMENT: `from_lsn` is not where a request begins or the journal ends.
// Returns the report of the new one.
absl::StatusOr<JournalReport> AdoptJournal(Env* env, const std::string& directory,
                                           const std::string& out, Lsn from_lsn);

}  // namespace batchsql
