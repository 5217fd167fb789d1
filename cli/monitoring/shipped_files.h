#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace batchsql::cli {

struct ShippedFile {
  std::string_view path;  // as in the repository: prometheus/alert_rules.yml
  std::string_view text;
};

// The files of prometheus/ and grafana/, compiled in.
absl::Span<const ShippedFile> ShippedFiles();

}  // namespace batchsql::cli
