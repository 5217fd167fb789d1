#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace batchsql {

// True when `text` is one JSON value by RFC 8259, nested at most `depth_max` deep. The text must be
// valid UTF-8. Numbers are checked for form, not for range.
bool IsValidJson(std::string_view text, uint32_t depth_max);

// Appends `text` as a JSON string with its quotes. What is not valid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace batchsql
