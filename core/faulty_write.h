#pragma once

#include "core/executor.h"

namespace batchsql {

#ifdef BATCHSQL_TEST_FAULTS
// executor.Write, or what BATCHSQL_SABOTAGE makes of it: `watermark-outside-transaction` commits
// the slot's row before the rows, `no-fence` writes although the slot's row is somebody else's.
WriteOutcome FaultyWrite(Executor& executor, const WritePlan& plan, const FlushProgress& progress,
                         KeepFailures keep);
#else
inline WriteOutcome FaultyWrite(Executor& executor, const WritePlan& plan,
                                const FlushProgress& progress, KeepFailures keep) {
  return executor.Write(plan, progress, keep);
}
#endif

}  // namespace batchsql
