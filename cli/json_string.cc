#include "cli/json_string.h"

namespace batchsql::cli {
namespace {

constexpr char kFirstPrintable = 0x20;

bool NeedsEscape(char c) { return (c >= 0 && c < kFirstPrintable) || c == '"' || c == '\\'; }

void AppendEscaped(char c, std::string* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    default:
      out->append("\\u00");
      out->push_back(kHex[static_cast<size_t>(c) >> 4U]);
      out->push_back(kHex[static_cast<size_t>(c) & 15U]);
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t plain = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!NeedsEscape(text[at])) continue;
    out->append(text.substr(plain, at - plain));
    AppendEscaped(text[at], out);
    plain = at + 1;
  }
  out->append(text.substr(plain));
  out->push_back('"');
}

}  // namespace batchsql::cli
