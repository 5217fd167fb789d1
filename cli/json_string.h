#pragma once

#include <string>
#include <string_view>

namespace batchsql::cli {

// Appends `text` as a JSON string with its quotes. Bytes from 0x80 on are left as they are.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace batchsql::cli
