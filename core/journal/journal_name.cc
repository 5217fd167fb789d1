#include "core/journal/journal_name.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"

namespace batchsql {
namespace {

bool IsPlain(unsigned char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

std::string Escape(std::string_view part) {
  std::string escaped;
  for (const char c : part) {
    if (IsPlain(static_cast<unsigned char>(c))) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += absl::BytesToHexString(absl::string_view(&c, 1));
    }
  }
  return escaped;
}

bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

std::optional<std::string> Unescape(absl::string_view part) {
  std::string plain;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '%') {
      if (!IsPlain(static_cast<unsigned char>(part[i]))) return std::nullopt;
      plain += part[i];
      continue;
    }
    if (i + 2 >= part.size() || !IsHexDigit(part[i + 1]) || !IsHexDigit(part[i + 2])) {
      return std::nullopt;
    }
    plain += absl::HexStringToBytes(part.substr(i + 1, 2));
    i += 2;
  }
  if (plain.empty()) return std::nullopt;
  return plain;
}

}  // namespace

std::string JournalDirectoryName(const JournalOwner& owner) {
  std::string name = Escape(owner.target);
  if (!owner.table.schema.empty()) name += '.' + Escape(owner.table.schema);
  return name + '.' + Escape(owner.table.name);
}

std::optional<JournalOwner> ParseJournalDirectoryName(std::string_view name) {
  std::vector<std::string> parts;
  for (const absl::string_view escaped : absl::StrSplit(AsAbsl(name), '.')) {
    std::optional<std::string> part = Unescape(escaped);
    if (!part.has_value()) return std::nullopt;
    parts.push_back(*std::move(part));
  }
  if (parts.size() == 2) return JournalOwner{parts[0], {"", parts[1]}};
  if (parts.size() == 3) return JournalOwner{parts[0], {parts[1], parts[2]}};
  return std::nullopt;
}

}  // namespace batchsql
