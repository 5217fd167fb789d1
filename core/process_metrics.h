#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <vector>

namespace batchsql {

// Resident memory of this process, in bytes; 0 when it cannot be read.
uint64_t ResidentBytes();

// What every Prometheus client library tells of its process (process_*), read from /proc (proc(5)).
// A value that cannot be read is left out.
std::vector<prometheus::MetricFamily> CollectProcess();

}  // namespace batchsql
