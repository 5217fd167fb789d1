#pragma once

#include <map>
#include <string>

#include "config/expand.h"

namespace batchsql {

// An environment of the test's own.
inline VariableLookup TestVariables(std::map<std::string, std::string> variables = {}) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

}  // namespace batchsql
