#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace batchsql::cli {

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;

  // "" where it has no such label.
  std::string Label(const std::string& label) const;
};

// What a /metrics answered.
struct Exposition {
  std::map<std::string, std::string> types;  // name → counter, gauge, histogram, …
  std::vector<Sample> samples;

  std::vector<const Sample*> Named(const std::string& name) const;
  // The sum over all series of this name; 0 where there are none.
  double Sum(const std::string& name) const;
};

// Prometheus' text format 0.0.4. INVALID_ARGUMENT with the line's number where a line is none.
absl::StatusOr<Exposition> ParseExposition(std::string_view text);

}  // namespace batchsql::cli
