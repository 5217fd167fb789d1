#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/executor.h"
#include "core/value.h"

namespace batchsql {

// What a request gets that names a column twice.
absl::Status NamedTwice(std::string_view name);

// The columns of one request with types as their values suggest, whatever the request's form. The
// first value of a column decides, unless a later one needs a wider type that takes both:
//   int, then uint or double            uint (without negative numbers), double
//   bool or number, then list or JSON   json, in any order
//   list or JSON, then text             text, in any order
// A column that never has a value is text. Made, used and destroyed by one thread.
class ColumnInference {
 public:
  explicit ColumnInference(uint32_t columns_max) : columns_max_(columns_max) {}

  // Index of the column, in the order of first appearance. RESOURCE_EXHAUSTED (LimitPassed) for
  // one more column than the limit; INVALID_ARGUMENT (ColumnNameTooLong).
  absl::StatusOr<size_t> Add(std::string_view name);
  size_t size() const { return columns_.size(); }

  void Observe(size_t column, const Value& value);
  // A string of a form that cannot write timestamps otherwise: where all strings of a column are
  // RFC 3339 timestamps, it becomes a timestamp.
  void ObserveString(size_t column, std::string_view text);
  // A value that is JSON as it stands.
  void ObserveJson(size_t column) { Widen(columns_[column], ColumnType::kJson); }

  std::vector<NewColumn> Finish() const;

 private:
  struct Observed {
    std::string name{};
    bool has_type = false;
    ColumnType type = ColumnType::kText;
    bool has_negative = false;
    bool timestamps = false;  // all values so far were strings, and these timestamps
  };

  static void Widen(Observed& column, ColumnType type);

  const uint32_t columns_max_;
  std::vector<Observed> columns_;
  absl::flat_hash_map<std::string, size_t> index_;
};

}  // namespace batchsql
