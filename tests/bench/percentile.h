#pragma once

#include <algorithm>
#include <vector>

namespace batchsql::bench {

// The value that `share` of them (0 to 1) do not pass; of none, 0.
inline double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  const auto found = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), found, values.end());
  return *found;
}

}  // namespace batchsql::bench
