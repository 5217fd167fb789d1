#include "config/reader.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr char kPlainTag[] = "?";
constexpr char kQuotedTag[] = "!";

// Text that may be shown: a line that lacks its colon is a key to YAML, and may hold a password.
bool LooksLikeKey(std::string_view text) {
  return !text.empty() && text.size() <= 64 && absl::c_all_of(text, [](char c) {
    return c == '_' || c == '-' || c == '.' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
}

// Edits (insert, delete, replace) that make one text the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// Decimal digits without a leading zero, which YAML 1.1 reads as octal.
std::optional<uint64_t> ParseNatural(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string Expected(const Range& range) {
  std::string text = absl::StrCat("expected an integer from ", range.min, " to ", range.max);
  if (!range.unit.empty()) absl::StrAppend(&text, " ", AsAbsl(range.unit));
  return text;
}

bool HasForeignTag(const YAML::Node& node) {
  const std::string& tag = node.Tag();
  return !tag.empty() && tag != kPlainTag && tag != kQuotedTag;
}

}  // namespace

void ErrorList::Add(int line, const std::string& path, const std::string& what) {
  errors_.push_back({line, path.empty() ? what : absl::StrCat(path, ": ", what)});
}

absl::Status ErrorList::ToStatus(const std::string& filename) const {
  if (errors_.empty()) return absl::OkStatus();
  std::vector<Error> sorted = errors_;
  absl::c_stable_sort(sorted, [](const Error& a, const Error& b) { return a.line < b.line; });
  return absl::InvalidArgumentError(
      absl::StrJoin(sorted, "\n", [&](std::string* out, const Error& error) {
        absl::StrAppend(out, filename, ":", error.line, ": ", error.text);
      }));
}

Reader::Reader(const YAML::Node& node, int line, std::string path, std::string pattern,
               ReadContext* context)
    : line_(line), path_(std::move(path)), pattern_(std::move(pattern)), context_(context) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap() || HasForeignTag(node)) {
    context_->errors.Add(line_, path_, "expected a mapping of keys to values");
    return;
  }
  for (const auto& pair : node) AddEntry(pair.first, pair.second);
}

void Reader::AddEntry(const YAML::Node& key, const YAML::Node& value) {
  const int line = key.Mark().line + 1;
  if (!key.IsScalar() || !LooksLikeKey(key.Scalar())) {
    context_->errors.Add(line, path_,
                         "what stands here as a key is none: expected `key: value`, and text with "
                         "special characters in quotes");
    return;
  }
  const auto [entry, added] = entries_.try_emplace(key.Scalar(), Entry{line, value});
  if (!added) {
    context_->errors.Add(
        line, PathOf(key.Scalar()),
        absl::StrCat("was given on line ", entry->second.line, " already: expected each key once"));
  }
}

const Reader::Entry* Reader::Find(const std::string& key) {
  known_.insert(key);
  context_->keys.insert(pattern_.empty() ? key : absl::StrCat(pattern_, ".", key));
  const auto entry = entries_.find(key);
  return entry == entries_.end() ? nullptr : &entry->second;
}

const Reader::Entry* Reader::FindScalar(const std::string& key, std::string_view expected) {
  const Entry* entry = Find(key);
  if (entry == nullptr) return nullptr;
  if (entry->node.IsScalar() && !HasForeignTag(entry->node)) return entry;
  Fail(key, std::string(expected));
  return nullptr;
}

bool Reader::ExpandInto(const YAML::Node& node, const std::string& key, std::string* value) {
  absl::StatusOr<std::string> text = Expand(node.Scalar(), context_->variables);
  if (!text.ok()) {
    Fail(key, std::string(text.status().message()));
    return false;
  }
  if (text->find('\0') != std::string::npos) {
    Fail(key, "holds a NUL character: expected text without");
    return false;
  }
  *value = *std::move(text);
  return true;
}

bool Reader::Read(const std::string& key, std::string* value) {
  std::string text;
  if (!ReadOrEmpty(key, &text)) return false;
  if (text.empty()) {
    Fail(key, "is empty: expected text");
    return false;
  }
  *value = std::move(text);
  return true;
}

bool Reader::ReadOrEmpty(const std::string& key, std::string* value) {
  const Entry* entry = FindScalar(key, "expected text");
  return entry != nullptr && ExpandInto(entry->node, key, value);
}

bool Reader::Read(const std::string& key, std::vector<std::string>* value) {
  const Entry* entry = Find(key);
  if (entry == nullptr) return false;
  if (!entry->node.IsSequence()) {
    Fail(key, "expected a list of names, as in [a, b]");
    return false;
  }
  std::vector<std::string> texts;
  for (const YAML::Node& node : entry->node) {
    std::string text;
    if (!node.IsScalar() || HasForeignTag(node)) {
      Fail(key, "expected a list of names, as in [a, b]");
      return false;
    }
    if (!ExpandInto(node, key, &text)) return false;
    if (absl::c_linear_search(texts, text)) {
      Fail(key, "names something twice: expected each name once");
      return false;
    }
    texts.push_back(std::move(text));
  }
  *value = std::move(texts);
  return true;
}

bool Reader::Read(const std::string& key, bool* value) {
  static constexpr std::string_view kExpected = "expected true or false";
  const Entry* entry = FindScalar(key, kExpected);
  if (entry == nullptr) return false;
  const std::string& text = entry->node.Scalar();
  if ((text != "true" && text != "false") || entry->node.Tag() == kQuotedTag) {
    Fail(key, std::string(kExpected));
    return false;
  }
  *value = text == "true";
  return true;
}

bool Reader::ReadInteger(const std::string& key, uint64_t* value, const Range& range) {
  const Entry* entry = FindScalar(key, Expected(range));
  if (entry == nullptr) return false;
  const std::optional<uint64_t> number = ParseNatural(entry->node.Scalar());
  if (!number || *number < range.min || *number > range.max) {
    Fail(key, Expected(range));
    return false;
  }
  if (entry->node.Tag() == kQuotedTag) {
    Fail(key, Expected(range) + ", without quotes");
    return false;
  }
  *value = *number;
  return true;
}

bool Reader::ReadInteger(const std::string& key, uint32_t* value, const Range& range) {
  uint64_t wide = *value;
  if (!ReadInteger(key, &wide, range)) return false;
  *value = static_cast<uint32_t>(wide);
  return true;
}

int Reader::FindChoice(const std::string& key, const std::vector<std::string_view>& names) {
  const std::string expected = absl::StrCat(
      "expected ", absl::StrJoin(names, " or ", [](std::string* out, std::string_view name) {
        absl::StrAppend(out, AsAbsl(name));
      }));
  const Entry* entry = FindScalar(key, expected);
  std::string text;
  if (entry == nullptr || !ExpandInto(entry->node, key, &text)) return -1;
  const auto found = absl::c_find(names, text);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  Fail(key, expected);
  return -1;
}

Reader Reader::Section(const std::string& key) {
  const Entry* entry = Find(key);
  const std::string pattern = pattern_.empty() ? key : absl::StrCat(pattern_, ".", key);
  if (entry == nullptr) return Reader(YAML::Node(), line_, PathOf(key), pattern, context_);
  return Reader(entry->node, entry->line, PathOf(key), pattern, context_);
}

std::vector<std::pair<std::string, Reader>> Reader::Map(const std::string& key) {
  Reader section = Section(key);
  std::vector<std::pair<std::string, Reader>> readers;
  for (const auto& [name, entry] : section.entries_) {
    readers.emplace_back(name, Reader(entry.node, entry.line, section.PathOf(name),
                                      section.pattern_ + ".*", context_));
  }
  return readers;
}

std::vector<Reader> Reader::List(const std::string& key) {
  std::vector<Reader> readers;
  const Entry* entry = Find(key);
  if (entry == nullptr) return readers;
  if (!entry->node.IsSequence() || entry->node.size() == 0 || HasForeignTag(entry->node)) {
    Fail(key, "expected a list with at least one entry, each starting with `- `");
    return readers;
  }
  const std::string pattern = (pattern_.empty() ? key : absl::StrCat(pattern_, ".", key)) + "[]";
  size_t index = 0;
  for (const YAML::Node& node : entry->node) {
    const std::string path = absl::StrCat(PathOf(key), "[", index++, "]");
    const int line = node.IsNull() ? entry->line : node.Mark().line + 1;
    if (node.IsMap()) {
      readers.emplace_back(node, line, path, pattern, context_);
    } else {
      context_->errors.Add(line, path, "expected a mapping of keys to values");
    }
  }
  return readers;
}

std::string Reader::PathOf(const std::string& key) const {
  return path_.empty() ? key : absl::StrCat(path_, ".", key);
}

void Reader::Fail(const std::string& key, const std::string& what) {
  const auto entry = entries_.find(key);
  context_->errors.Add(entry == entries_.end() ? line_ : entry->second.line, PathOf(key), what);
}

std::string Reader::Suggestion(const std::string& key) const {
  std::string best;
  size_t best_distance = std::max<size_t>(1, key.size() / 3) + 1;
  for (const std::string& known : known_) {
    const size_t distance = EditDistance(key, known);
    if (distance < best_distance) {
      best = known;
      best_distance = distance;
    }
  }
  if (!best.empty()) return absl::StrCat("did you mean ", best, "?");
  return absl::StrCat("expected one of ", absl::StrJoin(known_, ", "));
}

void Reader::RefuseOthers() {
  for (const auto& [key, entry] : entries_) {
    if (!known_.contains(key)) Fail(key, "is no key: " + Suggestion(key));
  }
}

}  // namespace batchsql
