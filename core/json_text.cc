#include "core/json_text.h"

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Walks one JSON text without recursion: the open brackets are kept in a vector.
class Checker {
 public:
  Checker(std::string_view text, uint32_t depth_max) : rest_(text), depth_max_(depth_max) {}

  bool Run() {
    if (!BeginValue()) return false;
    while (!open_.empty()) {
      if (!Continue()) return false;
    }
    SkipSpace();
    return rest_.empty();
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' ||
                              rest_.front() == '\n' || rest_.front() == '\r')) {
      rest_.remove_prefix(1);
    }
  }

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool TakeWord(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  // A scalar, or the opening of an array or object together with its first element.
  bool BeginValue() {
    SkipSpace();
    if (rest_.empty()) return false;
    switch (rest_.front()) {
      case '"':
        return TakeString();
      case 't':
        return TakeWord("true");
      case 'f':
        return TakeWord("false");
      case 'n':
        return TakeWord("null");
      case '[':
      case '{':
        return Open();
      default:
        return TakeNumber();
    }
  }

  bool Open() {
    if (open_.size() >= depth_max_) return false;
    const bool object = rest_.front() == '{';
    rest_.remove_prefix(1);
    open_.push_back(object ? '}' : ']');
    fresh_ = true;
    return true;
  }

  // What follows inside the innermost open bracket: its end, or its next element.
  bool Continue() {
    SkipSpace();
    if (Take(open_.back())) {
      open_.pop_back();
      fresh_ = false;
      return true;
    }
    if (!fresh_ && !Take(',')) return false;
    fresh_ = false;
    if (open_.back() == '}') {
      SkipSpace();
      if (!TakeString()) return false;
      SkipSpace();
      if (!Take(':')) return false;
    }
    return BeginValue();
  }

  bool TakeString() {
    if (!Take('"')) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !TakeEscape()) return false;
    }
    return false;
  }

  bool TakeEscape() {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    if (rest_.size() < 4) return false;
    for (size_t i = 0; i < 4; ++i) {
      if (!IsHex(rest_[i])) return false;
    }
    rest_.remove_prefix(4);
    return true;
  }

  bool TakeDigits() {
    if (rest_.empty() || !IsDigit(rest_.front())) return false;
    while (!rest_.empty() && IsDigit(rest_.front())) rest_.remove_prefix(1);
    return true;
  }

  bool TakeNumber() {
    Take('-');
    if (!Take('0') && !TakeDigits()) return false;
    if (Take('.') && !TakeDigits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      return TakeDigits();
    }
    return true;
  }

  std::string_view rest_;
  uint32_t depth_max_;
  absl::InlinedVector<char, 64> open_;  // closing brackets of what is open
  bool fresh_ = false;                  // the innermost bracket has no element yet
};

// Bytes of the character at the start of `text` if it is valid UTF-8, else 0.
size_t CharacterBytes(std::string_view text) {
  for (size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (InspectUtf8(text.substr(0, length)).valid) return length;
  }
  return 0;
}

void AppendEscaped(uint8_t byte, std::string* out) {
  if (byte >= 0x80) {
    *out += "\xEF\xBF\xBD";
  } else if (byte == '\n') {
    *out += "\\n";
  } else if (byte == '"' || byte == '\\') {
    out->push_back('\\');
    out->push_back(static_cast<char>(byte));
  } else {
    absl::StrAppend(out, "\\u00", absl::Hex(byte, absl::kZeroPad2));
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  const bool valid = InspectUtf8(text).valid;
  out->push_back('"');
  size_t plain = 0;  // what follows is yet to be copied as it is
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte >= 0x80) {
      const size_t length = valid ? 1 : CharacterBytes(text.substr(at));
      if (length > 0) {
        at += length - 1;
        continue;
      }
    } else if (byte >= 0x20 && byte != 0x7F && byte != '"' && byte != '\\') {
      continue;
    }
    out->append(text, plain, at - plain);
    AppendEscaped(byte, out);
    plain = at + 1;
  }
  out->append(text, plain);
  out->push_back('"');
}

bool IsValidJson(std::string_view text, uint32_t depth_max) {
  return Checker(text, depth_max).Run();
}

}  // namespace batchsql
