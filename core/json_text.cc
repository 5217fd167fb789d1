#include "core/json_text.h"

#include "absl/container/inlined_vector.h"

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

}  // namespace

bool IsValidJson(std::string_view text, uint32_t depth_max) {
  return Checker(text, depth_max).Run();
}

}  // namespace batchsql
