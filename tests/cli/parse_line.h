#pragma once

#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace batchsql::cli {

// Gives a program its command line, and nothing of who runs the test. Words are separated by one
// space, and '' is an empty one.
inline void ParseLine(CLI::App& app, const std::string& line) {
  for (const char* variable : {"BATCHSQL_ENV", "BATCHSQL_SERVER"}) {
    unsetenv(variable);  // NOLINT(concurrency-mt-unsafe): before any thread
  }
  std::vector<std::string> words = absl::StrSplit(line, ' ');
  std::replace(words.begin(), words.end(), std::string("''"), std::string());
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  app.parse(words);
}

}  // namespace batchsql::cli
