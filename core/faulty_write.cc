#include "core/faulty_write.h"

#ifdef BATCHSQL_TEST_FAULTS

#include "core/fault_point.h"

namespace batchsql {
namespace {

WriteOutcome WatermarkFirst(Executor& executor, const WritePlan& plan,
                            const FlushProgress& progress, KeepFailures keep) {
  WritePlan nothing;
  nothing.schema = plan.schema;
  WriteOutcome outcome = executor.Write(nothing, progress, keep);
  if (outcome.kind != WriteOutcome::Kind::kCommitted) return outcome;
  FlushProgress moved = progress;
  moved.slot.before = progress.slot.after;
  return executor.Write(plan, moved, keep);
}

WriteOutcome OverTheFence(Executor& executor, const WritePlan& plan, FlushProgress progress,
                          KeepFailures keep) {
  const absl::StatusOr<std::vector<SlotRow>> slots = executor.ReadSlots(progress.slot.pipeline);
  if (!slots.ok()) return {WriteOutcome::Kind::kFenced, {}, {}, 0};
  for (const SlotRow& row : *slots) {
    if (row.slot != progress.slot.before.slot) continue;
    progress.slot.before = row;
    progress.slot.after.epoch = row.epoch;
    progress.slot.after.token = row.token;
  }
  progress.slot.floors.clear();
  return executor.Write(plan, progress, keep);
}

}  // namespace

WriteOutcome FaultyWrite(Executor& executor, const WritePlan& plan, const FlushProgress& progress,
                         KeepFailures keep) {
  if (Sabotage("watermark-outside-transaction")) {
    return WatermarkFirst(executor, plan, progress, keep);
  }
  WriteOutcome outcome = executor.Write(plan, progress, keep);
  const bool fenced = outcome.kind == WriteOutcome::Kind::kFenced;
  if (!fenced || !Sabotage("no-fence")) return outcome;
  return OverTheFence(executor, plan, progress, keep);
}

}  // namespace batchsql

#endif
