#pragma once

#include <cstdint>
#include <string_view>

namespace batchsql {

// True when `text` is one JSON value by RFC 8259, nested at most `depth_max` deep. The text must be
// valid UTF-8. Numbers are checked for form, not for range.
bool IsValidJson(std::string_view text, uint32_t depth_max);

}  // namespace batchsql
