#include "core/decimal.h"

#include <optional>

#include "absl/container/inlined_vector.h"

namespace batchsql {
namespace {

constexpr int64_t kIntegerDigitsMax = 131'072;
constexpr int64_t kFractionDigitsMax = 16'383;
// Beyond it no number of digits brings a number back into range: no text has so many.
constexpr int64_t kExponentMax = 1'000'000'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TakeDigits(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && IsDigit(text[length])) ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

bool TakeSign(std::string_view& text) {
  if (text.empty() || (text.front() != '-' && text.front() != '+')) return false;
  const bool negative = text.front() == '-';
  text.remove_prefix(1);
  return negative;
}

// The number in `e[+-]digits`, which must be all of `text`; 0 when it is empty.
std::optional<int64_t> ParseExponent(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  const bool negative = TakeSign(text);
  const std::string_view digits = TakeDigits(text);
  if (digits.empty() || !text.empty()) return std::nullopt;
  int64_t exponent = 0;
  for (char c : digits) {
    exponent = exponent * 10 + (c - '0');
    if (exponent > kExponentMax) exponent = kExponentMax;
  }
  return negative ? -exponent : exponent;
}

std::string_view Trim(std::string_view digits, int64_t* point) {
  while (!digits.empty() && digits.back() == '0') digits.remove_suffix(1);
  while (!digits.empty() && digits.front() == '0') {
    digits.remove_prefix(1);
    --*point;
  }
  return digits;
}

// Digits d with the value 0.d × 10^point.
void Write(std::string_view digits, int64_t point, bool negative, std::string* out) {
  out->clear();
  if (digits.empty()) {
    out->push_back('0');
    return;
  }
  if (negative) out->push_back('-');
  const auto count = static_cast<int64_t>(digits.size());
  if (point <= 0) {
    out->append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else if (point >= count) {
    out->append(digits).append(static_cast<size_t>(point - count), '0');
  } else {
    out->append(digits.substr(0, static_cast<size_t>(point)));
    out->push_back('.');
    out->append(digits.substr(static_cast<size_t>(point)));
  }
}

}  // namespace

RejectReason CanonicalDecimal(std::string_view text, uint32_t precision, uint32_t scale,
                              std::string* canonical) {
  const bool negative = TakeSign(text);
  const std::string_view integer = TakeDigits(text);
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
  }
  if (integer.empty() && fraction.empty()) return RejectReason::kWrongType;
  const std::optional<int64_t> exponent = ParseExponent(text);
  if (!exponent) return RejectReason::kWrongType;

  absl::InlinedVector<char, 128> all(integer.begin(), integer.end());
  all.insert(all.end(), fraction.begin(), fraction.end());
  int64_t point = static_cast<int64_t>(integer.size()) + *exponent;
  const std::string_view digits = Trim({all.data(), all.size()}, &point);
  const int64_t fraction_digits = static_cast<int64_t>(digits.size()) - point;
  const int64_t integer_max =
      precision == 0 ? kIntegerDigitsMax : int64_t{precision} - int64_t{scale};
  const int64_t fraction_max = precision == 0 ? kFractionDigitsMax : int64_t{scale};
  if (!digits.empty()) {
    if (point > integer_max) return RejectReason::kOutOfRange;
    if (fraction_digits > fraction_max) return RejectReason::kInexact;
  }
  Write(digits, point, negative, canonical);
  return RejectReason::kNone;
}

}  // namespace batchsql
