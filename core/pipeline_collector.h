#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "core/metrics.h"
#include "core/pipeline.h"

namespace batchsql {

// What pipelines count for themselves, as metrics: every family is there even where there is no
// pipeline. `journal_bytes_max` is the limit that all journals share.
std::vector<prometheus::MetricFamily> CollectPipelines(const std::vector<Pipeline*>& pipelines,
                                                       const Metrics& metrics,
                                                       uint64_t journal_bytes_max);

}  // namespace batchsql
