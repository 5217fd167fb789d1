#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace batchsql::cli {

// A prefix as `prod_`: [a-z][a-z0-9_]*_, or empty for none. INVALID_ARGUMENT otherwise.
absl::Status CheckPrefix(const std::string& prefix);

// A PromQL expression (or one of Grafana's, as `label_values(batchsql_current_rps, table)`) for a
// daemon with a prefix: it goes before every name that begins with `batchsql_`, and before
// recording rules, `batchsql:…`. Strings, and with them the values of labels, stay as they are.
std::string PrefixExpression(std::string_view expression, std::string_view prefix);

// The same for the text of a YAML file with such expressions in it, comments included. Only
// recording rules and metrics of the contract are names there; what stands in double quotes stays.
std::string PrefixYaml(std::string_view text, std::string_view prefix);

}  // namespace batchsql::cli
