#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/http/json_api.h"

namespace batchsql::cli {

// By how much an expression multiplies in all: 10000 for `x * 100 * 100`; 1 where it does not.
double MultipliesBy(std::string_view expression);

// What is wrong with the panels of a dashboard, one line each: an integrity rate that is not shown
// as 0 to 1 or 0 to 100 %, a quantile without rate, averaged rows/s, an alert of the kind that
// Grafana has removed, and names with another prefix than `prefix`, where one is given. Panels
// without our metrics are not looked at.
std::vector<std::string> PanelProblems(const Json& dashboard,
                                       const std::optional<std::string>& prefix);

}  // namespace batchsql::cli
