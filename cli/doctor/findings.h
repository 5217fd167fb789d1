#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace batchsql::cli {

enum class Outcome { kOk, kProblem, kSkipped };

struct Finding {
  std::string check;
  Outcome outcome;
  std::string detail;  // what was seen, or why it was skipped
  std::string fix;     // of a problem
};

// All checks in their order, as `prometheus.rules`: what is asked, then what for.
absl::Span<const std::string_view> CheckNames();

// What the doctor found: one finding for each check. Used by one thread.
class Findings {
 public:
  void Ok(std::string_view check, std::string detail);
  void Problem(std::string_view check, std::string detail, std::string fix);
  void Skipped(std::string_view check, std::string why);
  // Every check of these that has no finding yet: `prefix` is how their names begin.
  void SkipRest(std::string_view prefix, const std::string& why);

  const std::vector<Finding>& all() const { return all_; }
  size_t Count(Outcome outcome) const;

 private:
  void Add(Finding finding);

  std::vector<Finding> all_;
};

const char* OutcomeName(Outcome outcome);

}  // namespace batchsql::cli
