#include "core/dead_letters/letter_json.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/array_cell.h"
#include "core/civil_time.h"
#include "core/json_text.h"
#include "core/strings.h"
#include "core/uuid.h"

namespace batchsql {
namespace {

constexpr uint32_t kMicrosDigits = 6;

void AppendString(absl::string_view text, std::string* json) {
  AppendJsonString(AsStd(text), json);
}

// Every tool reads integers up to 2^53 exactly.
template <typename Integer>
void AppendInteger(Integer value, std::string* json) {
  constexpr Integer kExact = Integer{1} << 53;
  bool exact = value <= kExact;
  if constexpr (std::is_signed_v<Integer>) exact = exact && value >= -kExact;
  const std::string digits = absl::StrCat(value);
  if (exact) {
    *json += digits;
  } else {
    AppendString(digits, json);
  }
}

// The shortest number that reads back as the same, with a point: no reader takes it for an integer.
template <typename Real>
void AppendReal(Real value, std::string* json) {
  if (std::isnan(value)) {
    *json += "\"NaN\"";
    return;
  }
  if (std::isinf(value)) {
    *json += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
    return;
  }
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  const std::string_view text(buffer, static_cast<size_t>(result.ptr - buffer));
  *json += text;
  if (text.find_first_of(".e") == std::string_view::npos) *json += ".0";
}

// Years beyond 0–9999 are shown, but no client can send them as text.
std::string DateText(int64_t days) {
  const CivilDate date = CivilFromDays(days);
  if (date.year < 0 || date.year > 9999) {
    return absl::StrCat(date.year, "-", absl::Dec(date.month, absl::kZeroPad2), "-",
                        absl::Dec(date.day, absl::kZeroPad2));
  }
  char buffer[kDateChars];
  return std::string(FormatDate(days, buffer));
}

std::string TimeText(int64_t micros) {
  char buffer[kTimestampChars];
  return std::string(FormatTime(micros, kMicrosDigits, buffer));
}

std::string TimestampText(int64_t micros, bool zone) {
  int64_t days = micros / kMicrosPerDay;
  if (micros % kMicrosPerDay < 0) --days;
  return absl::StrCat(DateText(days), "T", TimeText(micros - days * kMicrosPerDay),
                      zone ? "Z" : "");
}

void AppendFixed(ColumnType type, uint64_t bits, std::string* json) {
  const auto integer = static_cast<int64_t>(bits);
  switch (type) {
    case ColumnType::kBool:
      *json += bits != 0 ? "true" : "false";
      return;
    case ColumnType::kUint64:
      AppendInteger(bits, json);
      return;
    case ColumnType::kFloat32:
      AppendReal(static_cast<float>(std::bit_cast<double>(bits)), json);
      return;
    case ColumnType::kFloat64:
      AppendReal(std::bit_cast<double>(bits), json);
      return;
    case ColumnType::kDate:
      AppendJsonString(DateText(integer), json);
      return;
    case ColumnType::kTime:
      AppendJsonString(TimeText(integer), json);
      return;
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      AppendJsonString(TimestampText(integer, type == ColumnType::kTimestampTz), json);
      return;
    default:
      AppendInteger(integer, json);
  }
}

std::string UuidOf(std::string_view bytes) {
  Uuid uuid{};
  if (bytes.size() == uuid.size()) std::memcpy(uuid.data(), bytes.data(), uuid.size());
  return UuidText(uuid);
}

void AppendVariable(ColumnType type, std::string_view bytes, std::string* json) {
  switch (type) {
    case ColumnType::kBytes:
      AppendString(absl::Base64Escape(AsAbsl(bytes)), json);
      return;
    case ColumnType::kUuid:
      AppendString(UuidOf(bytes), json);
      return;
    default:
      AppendJsonString(bytes, json);
  }
}

void AppendArray(const LetterCell& cell, std::string* json) {
  json->push_back('[');
  ArrayReader reader(cell.bytes, cell.element);
  for (bool first = true; reader.Next(); first = false) {
    if (!first) json->push_back(',');
    if (reader.is_null()) {
      *json += "null";
    } else if (IsVariable(cell.element)) {
      AppendVariable(cell.element, reader.bytes(), json);
    } else {
      AppendFixed(cell.element, reader.fixed(), json);
    }
  }
  json->push_back(']');
}

void AppendCell(const LetterCell& cell, std::string* json) {
  if (cell.is_null) {
    *json += "null";
  } else if (cell.type == ColumnType::kArray) {
    AppendArray(cell, json);
  } else if (IsVariable(cell.type)) {
    AppendVariable(cell.type, cell.bytes, json);
  } else {
    AppendFixed(cell.type, cell.fixed, json);
  }
}

}  // namespace

std::string LetterRowJson(const DeadLetter& letter) {
  std::string json = "{";
  for (const LetterCell& cell : letter.cells) {
    if (json.size() > 1) json.push_back(',');
    AppendJsonString(cell.column, &json);
    json.push_back(':');
    AppendCell(cell, &json);
  }
  json.push_back('}');
  return json;
}

}  // namespace batchsql
