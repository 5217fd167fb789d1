#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/strings.h"
#include "core/uuid.h"
#include "executors/shared/own_tables.h"

namespace batchsql {

// Pieces of the SQL for the product's own tables.

// The bytes as a literal.
inline std::string BytesSql(const OwnTablesDialect& dialect, const Uuid& bytes) {
  std::string text(AsAbsl(dialect.bytes_before));
  for (const uint8_t byte : bytes) absl::StrAppend(&text, absl::Hex(byte, absl::kZeroPad2));
  return absl::StrCat(text, AsAbsl(dialect.bytes_after));
}

template <typename T>
bool ParseNumber(const std::optional<std::string>& text, T* number) {
  return text.has_value() && absl::SimpleAtoi(*text, number);
}

// Text parameters of one statement, in the order of their marks. The values outlive it.
class Parameters {
 public:
  explicit Parameters(const OwnTablesDialect& dialect) : dialect_(dialect) {}

  std::string Add(std::string_view value) {
    values_.push_back(value);
    std::string mark(AsAbsl(dialect_.parameter));
    if (mark == "$") absl::StrAppend(&mark, values_.size());
    return absl::StrCat(mark, AsAbsl(dialect_.parameter_type));
  }
  absl::Span<const std::string_view> values() const { return values_; }

 private:
  const OwnTablesDialect& dialect_;
  std::vector<std::string_view> values_;
};

}  // namespace batchsql
