#include "cli/monitoring/prefix_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/monitoring/contract.h"

namespace batchsql::cli {
namespace {

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':';
}

bool IsRecordingRule(std::string_view name) { return name.starts_with("batchsql:"); }

// The position behind the string that begins at `at`. It ends with the text, or with its line
// unless it is a raw one (`…`).
size_t SkipString(std::string_view text, size_t at) {
  const char quote = text[at];
  for (size_t next = at + 1; next < text.size(); ++next) {
    if (text[next] == quote) return next + 1;
    if (quote == '`') continue;
    if (text[next] == '\n') return next;
    if (text[next] == '\\') ++next;
  }
  return text.size();
}

template <typename IsOurs>
std::string PrefixNames(std::string_view text, std::string_view prefix, std::string_view quotes,
                        IsOurs is_ours) {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at + 1;
    if (quotes.find(text[at]) != std::string_view::npos) {
      next = SkipString(text, at);
    } else if (IsNameCharacter(text[at])) {
      while (next < text.size() && IsNameCharacter(text[next])) ++next;
      if (is_ours(text.substr(at, next - at))) out.append(prefix);
    }
    out.append(text.substr(at, next - at));
    at = next;
  }
  return out;
}

}  // namespace

absl::Status CheckPrefix(const std::string& prefix) {
  const auto allowed = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
  };
  if (prefix.empty() ||
      (absl::ascii_islower(static_cast<unsigned char>(prefix.front())) && prefix.ends_with('_') &&
       std::all_of(prefix.begin(), prefix.end(), allowed))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", prefix, "' is no prefix: small letters, digits and underscores, as prod_"));
}

std::string PrefixExpression(std::string_view expression, std::string_view prefix) {
  return PrefixNames(expression, prefix, "\"'`", [](std::string_view name) {
    return TakesPrefix(name) || IsRecordingRule(name);
  });
}

std::string PrefixYaml(std::string_view text, std::string_view prefix) {
  return PrefixNames(text, prefix, "\"", [](std::string_view name) {
    return (TakesPrefix(name) && IsContractSeries(name)) || IsRecordingRule(name);
  });
}

}  // namespace batchsql::cli
