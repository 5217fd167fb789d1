#include "cli/cell_kind.h"

#include <charconv>
#include <cmath>

namespace batchsql::cli {
namespace {

constexpr size_t kDigitsAlwaysKept = 15;  // std::numeric_limits<double>::digits10

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <typename T>
std::optional<T> ParseWhole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Only what begins like a number: from_chars would also take "inf" and "nan(…)".
bool LooksNumeric(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && (IsDigit(text.front()) || text.front() == '.');
}

template <typename T>
std::optional<double> ParseReal(std::string_view text) {
  if (!LooksNumeric(text)) return std::nullopt;
  const std::optional<T> value = ParseWhole<T>(text);
  if (!value.has_value() || !std::isfinite(*value)) return std::nullopt;
  return static_cast<double>(*value);
}

// Digits of the number without leading and trailing zeros, point, sign and exponent.
std::string SignificantDigits(std::string_view text) {
  std::string digits;
  for (char c : text) {
    if (c == 'e' || c == 'E') break;
    if (IsDigit(c) && (c != '0' || !digits.empty())) digits.push_back(c);
  }
  while (digits.ends_with('0')) digits.pop_back();
  return digits;
}

}  // namespace

CellKind CellKindOf(std::string_view type) {
  struct Named {
    std::string_view type;
    CellKind kind;
  };
  static constexpr Named kKinds[] = {
      {"bool", CellKind::kBool},
      {"int64", CellKind::kInt},
      {"uint64", CellKind::kUint},
      {"float32", CellKind::kFloat},
      {"float64", CellKind::kDouble},
      {"date", CellKind::kDate},
      {"time", CellKind::kTime},
      {"timestamp", CellKind::kTimestamp},
      {"timestamptz", CellKind::kTimestamp},
      {"json", CellKind::kJson},
  };
  for (const Named& named : kKinds) {
    if (named.type == type) return named.kind;
  }
  return type.starts_with("array") ? CellKind::kList : CellKind::kText;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "t") return true;
  if (text == "false" || text == "f") return false;
  return std::nullopt;
}

std::optional<int64_t> ParseInt(std::string_view text) { return ParseWhole<int64_t>(text); }

std::optional<uint64_t> ParseUint(std::string_view text) { return ParseWhole<uint64_t>(text); }

std::optional<double> ParseDouble(std::string_view text) { return ParseReal<double>(text); }

std::optional<double> ParseFloat(std::string_view text) { return ParseReal<float>(text); }

bool RoundTrips(std::string_view text, double value) {
  if (text.size() <= kDigitsAlwaysKept) return true;
  const std::string digits = SignificantDigits(text);
  if (digits.size() <= kDigitsAlwaysKept) return true;
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return SignificantDigits({buffer, static_cast<size_t>(end - buffer)}) == digits;
}

std::optional<double> ExactDouble(int64_t integer) {
  constexpr int64_t kExactMax = int64_t{1} << 53;
  if (integer > kExactMax || integer < -kExactMax) return std::nullopt;
  return static_cast<double>(integer);
}

}  // namespace batchsql::cli
