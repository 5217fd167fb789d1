#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace batchsql::cli {

// In which form the cells of a column are sent.
enum class CellKind : uint8_t {
  kText,  // as text, for the server to parse
  kBool,
  kInt,
  kUint,
  kFloat,
  kDouble,
  kDate,
  kTime,
  kTimestamp,
  kJson,  // as text that is JSON
  kList,
};

// Column → kind; a column that is not named is kText.
using ColumnPlan = absl::flat_hash_map<std::string, CellKind>;

// `type` as DescribeTable tells it.
CellKind CellKindOf(std::string_view type);

// Strict parsers: they take nothing that the server would not take as the same value for the kind,
// and leave to the server what it alone should judge (infinities, NaN, too many digits).
std::optional<bool> ParseBool(std::string_view text);  // true, t, false, f
std::optional<int64_t> ParseInt(std::string_view text);
std::optional<uint64_t> ParseUint(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);  // finite
std::optional<double> ParseFloat(std::string_view text);   // the nearest float, finite

// True when the number that `text` writes and `value`, its nearest double, are the same in the
// sense that the shortest text of `value` has the same significant digits.
bool RoundTrips(std::string_view text, double value);

// The integer as a double; nothing where it would be rounded.
std::optional<double> ExactDouble(int64_t integer);

}  // namespace batchsql::cli
