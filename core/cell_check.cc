#include "core/cell_check.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/escaping.h"
#include "core/array_cell.h"
#include "core/civil_time.h"
#include "core/decimal.h"
#include "core/json_text.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

using Kind = Value::Kind;

constexpr uint32_t kJsonDepthMax = 64;

CheckedCell Refuse(RejectReason reason) { return {reason, 0, {}}; }
CheckedCell Fixed(uint64_t bits) { return {RejectReason::kNone, bits, {}}; }
CheckedCell Bytes(std::string_view bytes) { return {RejectReason::kNone, 0, bytes}; }

template <typename T>
RejectReason ParseInteger(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  // Too many digits say nothing before the end is seen: they may belong to `1000…0e-20`.
  if (end != text.data() + text.size()) return RejectReason::kWrongType;
  if (error == std::errc::result_out_of_range) return RejectReason::kOutOfRange;
  return error == std::errc() ? RejectReason::kNone : RejectReason::kWrongType;
}

// `1.0` and `1e3` are integers too, where the text is a number and not merely looks like one.
template <typename T>
RejectReason ParseIntegral(const Value& value, T* integer) {
  const RejectReason reason = ParseInteger(value.text, integer);
  if (reason != RejectReason::kWrongType || value.kind != Kind::kNumber) return reason;
  std::string canonical;
  const RejectReason decimal = CanonicalDecimal(value.text, 20, 0, &canonical);
  return decimal == RejectReason::kNone ? ParseInteger(canonical, integer) : decimal;
}

RejectReason IntegerFromDouble(double real, double low, double high) {
  if (!std::isfinite(real) || real < low || real >= high) return RejectReason::kOutOfRange;
  return std::trunc(real) == real ? RejectReason::kNone : RejectReason::kInexact;
}

RejectReason ToInt64(const Value& value, int64_t* integer) {
  switch (value.kind) {
    case Kind::kInt:
      *integer = value.integer;
      return RejectReason::kNone;
    case Kind::kUint:
      if (value.natural > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return RejectReason::kOutOfRange;
      }
      *integer = static_cast<int64_t>(value.natural);
      return RejectReason::kNone;
    case Kind::kBool:
      *integer = value.boolean ? 1 : 0;
      return RejectReason::kNone;
    case Kind::kDouble: {
      const RejectReason reason = IntegerFromDouble(value.real, -0x1p63, 0x1p63);
      if (reason == RejectReason::kNone) *integer = static_cast<int64_t>(value.real);
      return reason;
    }
    case Kind::kText:
    case Kind::kNumber:
      return ParseIntegral(value, integer);
    default:
      return RejectReason::kWrongType;
  }
}

CheckedCell CheckInt64(const Column& column, const Value& value) {
  int64_t integer = 0;
  if (RejectReason reason = ToInt64(value, &integer); reason != RejectReason::kNone) {
    return Refuse(reason);
  }
  if (integer < column.min || integer > column.max) return Refuse(RejectReason::kOutOfRange);
  return Fixed(static_cast<uint64_t>(integer));
}

RejectReason ToUint64(const Value& value, uint64_t* natural) {
  switch (value.kind) {
    case Kind::kUint:
      *natural = value.natural;
      return RejectReason::kNone;
    case Kind::kInt:
      if (value.integer < 0) return RejectReason::kOutOfRange;
      *natural = static_cast<uint64_t>(value.integer);
      return RejectReason::kNone;
    case Kind::kBool:
      *natural = value.boolean ? 1 : 0;
      return RejectReason::kNone;
    case Kind::kDouble: {
      const RejectReason reason = IntegerFromDouble(value.real, 0, 0x1p64);
      if (reason == RejectReason::kNone) *natural = static_cast<uint64_t>(value.real);
      return reason;
    }
    case Kind::kText:
    case Kind::kNumber:
      if (!value.text.empty() && value.text.front() == '-') {
        int64_t negative = 0;
        const RejectReason reason = ParseIntegral(value, &negative);
        if (reason != RejectReason::kNone) return reason;
        *natural = 0;
        return negative == 0 ? RejectReason::kNone : RejectReason::kOutOfRange;
      }
      return ParseIntegral(value, natural);
    default:
      return RejectReason::kWrongType;
  }
}

CheckedCell CheckUint64(const Column& column, const Value& value) {
  uint64_t natural = 0;
  if (RejectReason reason = ToUint64(value, &natural); reason != RejectReason::kNone) {
    return Refuse(reason);
  }
  if (natural > column.unsigned_max) return Refuse(RejectReason::kOutOfRange);
  return Fixed(natural);
}

CheckedCell CheckBool(const Value& value) {
  if (value.kind == Kind::kBool) return Fixed(value.boolean ? 1 : 0);
  if (value.kind == Kind::kText) {
    if (value.text == "true" || value.text == "t") return Fixed(1);
    if (value.text == "false" || value.text == "f") return Fixed(0);
  }
  return Refuse(RejectReason::kWrongType);
}

template <typename T>
RejectReason ParseReal(std::string_view text, T* real) {
  // from_chars takes no leading plus, but "nan(…)" and hexadecimal, which are no numbers to us.
  if (text.empty() || text.back() == ')' || text.find_first_of("xX") != std::string_view::npos) {
    return RejectReason::kWrongType;
  }
  const auto result = absl::from_chars(text.data(), text.data() + text.size(), *real);
  if (result.ptr != text.data() + text.size()) return RejectReason::kWrongType;
  if (result.ec == std::errc::result_out_of_range) {
    return std::isinf(*real) || std::abs(*real) > 1 ? RejectReason::kOutOfRange
                                                    : RejectReason::kInexact;
  }
  return result.ec == std::errc() ? RejectReason::kNone : RejectReason::kWrongType;
}

template <typename Integer>
RejectReason RealFromInteger(Integer integer, double* real) {
  *real = static_cast<double>(integer);
  // 2^53: beyond it not every integer is a double; the round trip tells.
  constexpr Integer kExact = Integer{1} << 53;
  if (integer <= kExact && (integer >= 0 || -kExact <= integer)) return RejectReason::kNone;
  Integer back = 0;
  const double limit = std::is_signed_v<Integer> ? 0x1p63 : 0x1p64;
  if (*real < limit) back = static_cast<Integer>(*real);
  return back == integer ? RejectReason::kNone : RejectReason::kInexact;
}

RejectReason ToDouble(const Value& value, bool single, double* real) {
  switch (value.kind) {
    case Kind::kDouble:
      *real = value.real;
      break;
    case Kind::kInt:
      if (RejectReason r = RealFromInteger(value.integer, real); r != RejectReason::kNone) return r;
      break;
    case Kind::kUint:
      if (RejectReason r = RealFromInteger(value.natural, real); r != RejectReason::kNone) return r;
      break;
    case Kind::kText:
    case Kind::kNumber: {
      if (!single) return ParseReal(value.text, real);
      float narrow = 0;
      const RejectReason reason = ParseReal(value.text, &narrow);
      *real = narrow;
      return reason;
    }
    default:
      return RejectReason::kWrongType;
  }
  if (!single || !std::isfinite(*real)) return RejectReason::kNone;
  if (std::abs(*real) > std::numeric_limits<float>::max()) return RejectReason::kOutOfRange;
  return static_cast<double>(static_cast<float>(*real)) == *real ? RejectReason::kNone
                                                                 : RejectReason::kInexact;
}

CheckedCell CheckDouble(const Column& column, const Value& value, bool single) {
  double real = 0;
  if (RejectReason reason = ToDouble(value, single, &real); reason != RejectReason::kNone) {
    return Refuse(reason);
  }
  if (std::isnan(real) && !column.takes_nan) return Refuse(RejectReason::kOutOfRange);
  if (std::isinf(real) && !column.takes_infinity) return Refuse(RejectReason::kOutOfRange);
  if (real == 0 && std::signbit(real) && !column.takes_negative_zero) {
    return Refuse(RejectReason::kInexact);
  }
  return Fixed(std::bit_cast<uint64_t>(real));
}

// Shortest decimal that reads back as the same double (std::to_chars).
std::string_view ShortestDecimal(double real, char* buffer, size_t size) {
  const auto result = std::to_chars(buffer, buffer + size, real);
  return {buffer, static_cast<size_t>(result.ptr - buffer)};
}

CheckedCell CheckDecimal(const Column& column, const Value& value, std::string* scratch) {
  char buffer[32];
  std::string_view text = value.text;
  switch (value.kind) {
    case Kind::kText:
    case Kind::kNumber:
      break;
    case Kind::kInt:
      text = {buffer,
              static_cast<size_t>(
                  std::to_chars(buffer, buffer + sizeof(buffer), value.integer).ptr - buffer)};
      break;
    case Kind::kUint:
      text = {buffer,
              static_cast<size_t>(
                  std::to_chars(buffer, buffer + sizeof(buffer), value.natural).ptr - buffer)};
      break;
    case Kind::kDouble:
      if (std::isinf(value.real)) return Refuse(RejectReason::kOutOfRange);
      text = std::isnan(value.real) ? "NaN" : ShortestDecimal(value.real, buffer, sizeof(buffer));
      break;
    default:
      return Refuse(RejectReason::kWrongType);
  }
  if (text == "NaN") {
    return column.takes_nan ? Bytes("NaN") : Refuse(RejectReason::kOutOfRange);
  }
  const RejectReason reason = CanonicalDecimal(text, column.precision, column.scale, scratch);
  return reason == RejectReason::kNone ? Bytes(*scratch) : Refuse(reason);
}

CheckedCell CheckCharacters(const Column& column, std::string_view text) {
  const Utf8Facts facts = InspectUtf8(text);
  if (!facts.valid) return Refuse(RejectReason::kBadUtf8);
  if (facts.has_nul && !column.takes_nul) return Refuse(RejectReason::kNulCharacter);
  if (facts.code_points > column.chars_max || text.size() > column.bytes_max) {
    return Refuse(RejectReason::kTooLong);
  }
  if (!column.keeps_trailing_spaces && text.ends_with(' ')) return Refuse(RejectReason::kInexact);
  return Bytes(text);
}

// Text for a column of bytes is hexadecimal after `\x`, as PostgreSQL writes it, else base64 (RFC
// 4648). The backslash is no letter of base64's alphabet.
CheckedCell CheckBytes(const Column& column, const Value& value, std::string* scratch) {
  std::string_view bytes = value.text;
  if (value.kind == Kind::kText) {
    if (bytes.starts_with("\\x")) {
      bytes.remove_prefix(2);
      if (bytes.size() % 2 != 0 || !std::all_of(bytes.begin(), bytes.end(), absl::ascii_isxdigit)) {
        return Refuse(RejectReason::kWrongType);
      }
      *scratch = absl::HexStringToBytes(AsAbsl(bytes));
    } else if (!absl::Base64Unescape(AsAbsl(bytes), scratch)) {
      return Refuse(RejectReason::kWrongType);
    }
    bytes = *scratch;
  } else if (value.kind != Kind::kBytes) {
    return Refuse(RejectReason::kWrongType);
  }
  if (bytes.size() < column.bytes_min) return Refuse(RejectReason::kInexact);
  return bytes.size() > column.bytes_max ? Refuse(RejectReason::kTooLong) : Bytes(bytes);
}

CheckedCell InRange(const Column& column, int64_t value) {
  if (value < column.min || value > column.max) return Refuse(RejectReason::kOutOfRange);
  return Fixed(static_cast<uint64_t>(value));
}

int64_t FractionUnit(uint32_t digits) {
  int64_t unit = kMicrosPerSecond;
  for (; digits > 0; --digits) unit /= 10;
  return unit;
}

CheckedCell MicrosInRange(const Column& column, int64_t micros) {
  if (micros % FractionUnit(std::min(column.fraction_digits, 6U)) != 0) {
    return Refuse(RejectReason::kInexact);
  }
  return InRange(column, micros);
}

CheckedCell CheckDate(const Column& column, const Value& value) {
  if (value.kind == Kind::kDate) return InRange(column, value.integer);
  if (value.kind != Kind::kText) return Refuse(RejectReason::kWrongType);
  const std::optional<int64_t> days = ParseDate(value.text);
  return days ? InRange(column, *days) : Refuse(RejectReason::kWrongType);
}

CheckedCell CheckTime(const Column& column, const Value& value) {
  if (value.kind == Kind::kTime) return MicrosInRange(column, value.integer);
  if (value.kind != Kind::kText) return Refuse(RejectReason::kWrongType);
  const std::optional<int64_t> micros = ParseTime(value.text);
  return micros ? MicrosInRange(column, *micros) : Refuse(RejectReason::kWrongType);
}

CheckedCell CheckTimestamp(const Column& column, const Value& value) {
  if (value.kind == Kind::kTimestamp) return MicrosInRange(column, value.integer);
  if (value.kind != Kind::kText) return Refuse(RejectReason::kWrongType);
  const std::optional<int64_t> micros = ParseTimestamp(value.text);
  return micros ? MicrosInRange(column, *micros) : Refuse(RejectReason::kWrongType);
}

int HexDigit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

CheckedCell CheckUuid(const Value& value, std::string* scratch) {
  if (value.kind == Kind::kBytes) {
    return value.text.size() == 16 ? Bytes(value.text) : Refuse(RejectReason::kWrongType);
  }
  if (value.kind != Kind::kText) return Refuse(RejectReason::kWrongType);
  char digits[32];
  size_t count = 0;
  const bool hyphens = value.text.size() == 36;
  for (size_t i = 0; i < value.text.size(); ++i) {
    const bool hyphen_here = hyphens && (i == 8 || i == 13 || i == 18 || i == 23);
    const auto c = static_cast<unsigned char>(value.text[i]);
    if (hyphen_here ? c != '-' : (!absl::ascii_isxdigit(c) || count == 32)) {
      return Refuse(RejectReason::kWrongType);
    }
    if (!hyphen_here) digits[count++] = static_cast<char>(c);
  }
  if (count != 32) return Refuse(RejectReason::kWrongType);
  scratch->resize(16);
  for (size_t i = 0; i < 16; ++i) {
    (*scratch)[i] = static_cast<char>(HexDigit(digits[2 * i]) << 4 | HexDigit(digits[2 * i + 1]));
  }
  return Bytes(*scratch);
}

CheckedCell CheckJson(const Column& column, const Value& value, std::string* scratch);

// A list becomes a JSON array, its texts JSON strings: in a list they are not JSON themselves.
CheckedCell CheckJsonList(const Column& column, const Value& list, std::string* scratch) {
  std::string json = "[";
  for (const Value& element : list.elements) {
    if (json.size() > 1) json.push_back(',');
    if (element.kind == Kind::kNull) {
      json += "null";
    } else if (element.kind == Kind::kText) {
      const Utf8Facts facts = InspectUtf8(element.text);
      if (!facts.valid) return Refuse(RejectReason::kBadUtf8);
      if (facts.has_nul && !column.takes_nul) return Refuse(RejectReason::kNulCharacter);
      AppendJsonString(element.text, &json);
    } else if (element.kind == Kind::kList) {
      return Refuse(RejectReason::kWrongType);
    } else {
      const CheckedCell cell = CheckJson(column, element, scratch);
      if (cell.reason != RejectReason::kNone) return cell;
      json += cell.bytes;
    }
  }
  json.push_back(']');
  *scratch = std::move(json);
  return CheckCharacters(column, *scratch);
}

CheckedCell CheckJson(const Column& column, const Value& value, std::string* scratch) {
  char buffer[32];
  switch (value.kind) {
    case Kind::kText:
    case Kind::kNumber: {
      const CheckedCell characters = CheckCharacters(column, value.text);
      if (characters.reason != RejectReason::kNone) return characters;
      return IsValidJson(value.text, kJsonDepthMax) ? characters : Refuse(RejectReason::kWrongType);
    }
    case Kind::kBool:
      *scratch = value.boolean ? "true" : "false";
      return Bytes(*scratch);
    case Kind::kInt:
      *scratch = std::to_string(value.integer);
      return Bytes(*scratch);
    case Kind::kUint:
      *scratch = std::to_string(value.natural);
      return Bytes(*scratch);
    case Kind::kDouble:
      if (!std::isfinite(value.real)) return Refuse(RejectReason::kOutOfRange);
      *scratch = ShortestDecimal(value.real, buffer, sizeof(buffer));
      return Bytes(*scratch);
    case Kind::kList:
      return CheckJsonList(column, value, scratch);
    default:
      return Refuse(RejectReason::kWrongType);
  }
}

CheckedCell CheckEnum(const Column& column, const Value& value) {
  if (value.kind != Kind::kText) return Refuse(RejectReason::kWrongType);
  const bool known =
      std::find(column.labels.begin(), column.labels.end(), value.text) != column.labels.end();
  return known ? Bytes(value.text) : Refuse(RejectReason::kOutOfRange);
}

CheckedCell CheckArray(const Column& column, const Value& value, std::string* scratch) {
  if (value.kind != Kind::kList) return Refuse(RejectReason::kWrongType);
  Column element = column;
  element.type = column.element;
  std::vector<char> out;
  std::string element_scratch;
  AppendArrayHeader(static_cast<uint32_t>(value.elements.size()), out);
  for (const Value& item : value.elements) {
    if (item.kind == Kind::kNull) {
      AppendArrayNull(out);
      continue;
    }
    const CheckedCell cell = CheckCell(element, item, &element_scratch);
    if (cell.reason != RejectReason::kNone) return cell;
    if (IsVariable(element.type)) {
      AppendArrayBytes(cell.bytes, out);
    } else {
      AppendArrayFixed(cell.fixed, out);
    }
  }
  scratch->assign(out.begin(), out.end());
  return Bytes(*scratch);
}

}  // namespace

CheckedCell CheckCell(const Column& column, const Value& value, std::string* scratch) {
  switch (column.type) {
    case ColumnType::kBool:
      return CheckBool(value);
    case ColumnType::kInt64:
      return CheckInt64(column, value);
    case ColumnType::kUint64:
      return CheckUint64(column, value);
    case ColumnType::kFloat32:
      return CheckDouble(column, value, /*single=*/true);
    case ColumnType::kFloat64:
      return CheckDouble(column, value, /*single=*/false);
    case ColumnType::kDecimal:
      return CheckDecimal(column, value, scratch);
    case ColumnType::kText:
      return value.kind == Kind::kText ? CheckCharacters(column, value.text)
                                       : Refuse(RejectReason::kWrongType);
    case ColumnType::kBytes:
      return CheckBytes(column, value, scratch);
    case ColumnType::kDate:
      return CheckDate(column, value);
    case ColumnType::kTime:
      return CheckTime(column, value);
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return CheckTimestamp(column, value);
    case ColumnType::kUuid:
      return CheckUuid(value, scratch);
    case ColumnType::kJson:
      return CheckJson(column, value, scratch);
    case ColumnType::kEnum:
      return CheckEnum(column, value);
    case ColumnType::kArray:
      return CheckArray(column, value, scratch);
  }
  return Refuse(RejectReason::kWrongType);
}

}  // namespace batchsql
