#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace batchsql::cli {

enum class MetricType { kCounter, kGauge, kHistogram };

struct ContractMetric {
  std::string_view name;  // without a prefix
  MetricType type;
  bool of_table;  // appears with the first table; the others are there from the start
  bool is_share;  // a gauge of 0–1
};

// The metrics that every daemon has, as docs/monitoring.md lists them (a test compares), by name.
absl::Span<const ContractMetric> ContractMetrics();

const char* MetricTypeName(MetricType type);

// Whether monitoring's prefix goes before the name of a metric: `process_*` stay as they are.
bool TakesPrefix(std::string_view name);

// A metric of the contract, or `_bucket`, `_sum`, `_count` of one that is a histogram.
bool IsContractSeries(std::string_view name);

}  // namespace batchsql::cli
