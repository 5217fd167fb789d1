#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace batchsql {

// nullopt for a percent sign without two hexadecimal digits, and for an encoded NUL.
std::optional<std::string> PercentDecode(std::string_view text);

// Splits `a=1&b=2`; a plus is a space. nullopt where PercentDecode says so.
std::optional<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

}  // namespace batchsql
