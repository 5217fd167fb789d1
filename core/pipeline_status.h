#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/rejection.h"

namespace batchsql {

enum class PipelineState : uint8_t {
  kOpening,  // the database has not described the table yet
  kRunning,
  kRetrying,  // the last attempt failed; another follows by itself
  kPaused,    // a person must mend something in the database; probed until it works
  kStopped,   // a person must restart the daemon
};
inline constexpr PipelineState kPipelineStates[] = {
    PipelineState::kOpening, PipelineState::kRunning, PipelineState::kRetrying,
    PipelineState::kPaused, PipelineState::kStopped};
std::string_view PipelineStateName(PipelineState state);

// Why a pipeline is stopped.
enum class StopKind : uint8_t {
  kNone,      // it is not
  kDamage,    // its files hold what was never written so
  kDisk,      // no disk space for its files
  kFiles,     // its files cannot be opened or read
  kFork,      // the target and the journal do not belong together: claimed by another, or copied
  kDatabase,  // a fatal error
};

// Totals since the pipeline was made, and what it holds now. At any time received + recovered +
// replayed = rejected + deduplicated + coalesced + committed + dead-lettered + lost + queued.
struct PipelineStatus {
  PipelineState state = PipelineState::kOpening;
  std::string last_error;        // code; empty after a success
  std::string last_error_class;  // as docs/errors.md names it; empty after a success
  StopKind stop_kind = StopKind::kNone;
  // Why it is stopped (kDatabase: the code) or cannot be opened; never a row's value.
  std::string reason;
  std::string journal_error;  // why nothing can be journaled; empty: it can
  // Why rows that wait do not fit the table as it was altered; empty: none is known not to.
  std::string drift;
  uint64_t queued_rows = 0;     // in memory, on their way into the journal, or left there
  uint64_t queued_bytes = 0;    // in memory
  uint64_t received_rows = 0;   // by this process
  uint64_t recovered_rows = 0;  // left in the journal by an earlier process, or lacked again by a
                                // target that moved back
  uint64_t replayed_rows = 0;   // of dead letters, by this process; not among the received
  uint64_t rejected_rows = 0;   // by validation
  uint64_t deduplicated_rows = 0;
  uint64_t coalesced_rows = 0;
  uint64_t committed_rows = 0;
  uint64_t dead_lettered_rows = 0;  // refused by the database, or by the table as it was altered
  uint64_t lost_rows = 0;           // given up at the shutdown's deadline, and not in the journal
  uint64_t dead_letters = 0;        // that are live now
  uint64_t skipped_requests = 0;    // sequences that producers gave up with resume_at
  // The sums are rejected_rows and dead_lettered_rows. kNone: refused with their whole request.
  RowsByReason rejected_by_reason{};
  RowsByReason dead_lettered_by_reason{};
  uint32_t inflight_flushes = 0;
  uint64_t batch_rows_target = 0;  // at which a batch closes now
  Duration batch_linger{};         // after which a batch closes now
  Duration oldest_age{};  // since the oldest row that is not committed was accepted; 0: none waits
  uint64_t journal_bytes = 0;
  uint32_t journal_segments = 0;
  bool at_least_once = false;  // the table cannot keep the promise of exactly once
};

}  // namespace batchsql
