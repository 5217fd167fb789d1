#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace batchsql {

// Debian builds Abseil as C++14, where absl::string_view is a type of its own, without a conversion
// from std::string_view. Wrap arguments of Abseil's string functions in this.
inline absl::string_view AsAbsl(std::string_view text) { return {text.data(), text.size()}; }

inline std::string_view AsStd(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace batchsql
