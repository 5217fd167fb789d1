#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "core/executor.h"
#include "core/watermark.h"
#include "core/write_plan.h"

namespace batchsql {

// The totals of a flush's slot when the plan is committed but for `failures`, with so many of its
// rows coalesced.
SlotTotals TotalsAfter(const WritePlan& plan, const FlushProgress& progress,
                       absl::Span<const RowFailure> failures, uint64_t coalesced_rows);

}  // namespace batchsql
