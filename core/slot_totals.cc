#include "core/slot_totals.h"

namespace batchsql {
namespace {

uint64_t BatchRows(const WritePlan& plan) {
  uint64_t rows = 0;
  for (const RowBlock* block : plan.blocks) {
    if (block != plan.merged.get()) rows += block->rows();
  }
  return rows;
}

}  // namespace

SlotTotals& SlotTotals::operator+=(const SlotTotals& other) {
  lsns += other.lsns;
  committed += other.committed;
  coalesced += other.coalesced;
  refused += other.refused;
  digested += other.digested;
  digest += other.digest;
  return *this;
}

SlotTotals TotalsAfter(const WritePlan& plan, const FlushProgress& progress,
                       absl::Span<const RowFailure> failures, uint64_t coalesced_rows) {
  SlotTotals added;
  added.lsns = progress.slot.after.to - progress.slot.after.from + 1;
  added.committed = BatchRows(plan) - failures.size() - coalesced_rows;
  added.coalesced = coalesced_rows;
  added.refused = progress.refused_rows + failures.size();
  if (plan.digest.has_value()) {
    added.digested = added.committed;
    added.digest = *plan.digest;
    RowDigester digester(*plan.schema);
    for (const RowFailure& failure : failures) {
      added.digest -= digester.OfRow(*plan.blocks[failure.row.block], failure.row.row);
    }
  }
  SlotTotals totals = progress.slot.before.totals;
  totals += added;
  return totals;
}

}  // namespace batchsql
