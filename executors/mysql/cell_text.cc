#include "executors/mysql/cell_text.h"

#include <cstring>

namespace batchsql {
namespace {

// MySQL's TIME is a span: it has a sign and up to 838 hours, which no time of day has.
std::string_view SpanText(int64_t micros, absl::Span<char> buffer) {
  constexpr int64_t kMicrosPerHour = 3600 * kMicrosPerSecond;
  char* at = buffer.data();
  if (micros < 0) {
    *at++ = '-';
    micros = -micros;
  }
  const int64_t hours = micros / kMicrosPerHour;
  if (hours >= 100) *at++ = static_cast<char>('0' + hours / 100);
  *at++ = static_cast<char>('0' + hours / 10 % 10);
  *at++ = static_cast<char>('0' + hours % 10);
  // The rest as a time of day in hour 0, without that hour: ":59:59.999999".
  char clock[kTimestampChars];
  std::string_view rest = FormatTime(micros % kMicrosPerHour, 6, absl::MakeSpan(clock));
  rest.remove_prefix(2);
  std::memcpy(at, rest.data(), rest.size());
  return {buffer.data(), static_cast<size_t>(at - buffer.data()) + rest.size()};
}

}  // namespace

std::string_view MySqlTimeText(ColumnType type, int64_t value, absl::Span<char> buffer) {
  switch (type) {
    case ColumnType::kDate:
      return FormatDate(value, buffer);
    case ColumnType::kTime:
      return SpanText(value, buffer);
    default:
      return FormatTimestamp(value, 6, ' ', buffer);
  }
}

std::string_view MySqlUuidText(std::string_view bytes, absl::Span<char> buffer) {
  constexpr char kDigits[] = "0123456789abcdef";
  char* at = buffer.data();
  for (size_t i = 0; i < bytes.size() && i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    *at++ = kDigits[byte >> 4U];
    *at++ = kDigits[byte & 15U];
  }
  return {buffer.data(), static_cast<size_t>(at - buffer.data())};
}

}  // namespace batchsql
