#pragma once

#include <cstddef>
#include <string_view>

namespace batchsql {

struct Utf8Facts {
  bool valid = false;
  bool has_nul = false;
  size_t code_points = 0;
};

// Checks text by RFC 3629 (no overlong forms, no surrogates, nothing above U+10FFFF). ASCII is
// taken eight bytes at a time.
Utf8Facts InspectUtf8(std::string_view text);

// As much of valid text as fits, in whole characters.
std::string_view ClipUtf8(std::string_view text, size_t bytes_max);

}  // namespace batchsql
