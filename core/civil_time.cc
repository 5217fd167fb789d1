#include "core/civil_time.h"

#include <cstring>

namespace batchsql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Exactly `digits` digits at the front of `text`, taken off it.
std::optional<uint32_t> TakeDigits(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + static_cast<uint32_t>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

uint32_t DaysInMonth(int32_t year, uint32_t month) {
  static constexpr uint32_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

std::optional<int64_t> TakeDate(std::string_view& text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !TakeChar(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !TakeChar(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day || *month < 1 || *month > 12 || *day < 1) return std::nullopt;
  const auto signed_year = static_cast<int32_t>(*year);
  if (*day > DaysInMonth(signed_year, *month)) return std::nullopt;
  return DaysFromCivil({signed_year, *month, *day});
}

// Digits after the point, as microseconds.
std::optional<int64_t> TakeFraction(std::string_view& text) {
  int64_t micros = 0;
  size_t digits = 0;
  while (!text.empty() && IsDigit(text.front())) {
    const int digit = text.front() - '0';
    if (digits < 6) {
      micros = micros * 10 + digit;
    } else if (digit != 0) {
      return std::nullopt;
    }
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

std::optional<int64_t> TakeTime(std::string_view& text) {
  const auto hour = TakeDigits(text, 2);
  if (!hour || *hour > 23 || !TakeChar(text, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  int64_t micros = (int64_t{*hour} * 60 + *minute) * 60 * kMicrosPerSecond;
  if (!TakeChar(text, ':')) return micros;
  const auto second = TakeDigits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  micros += int64_t{*second} * kMicrosPerSecond;
  if (!TakeChar(text, '.')) return micros;
  const auto fraction = TakeFraction(text);
  if (!fraction) return std::nullopt;
  return micros + *fraction;
}

// Z or an offset, in microseconds east of Greenwich.
std::optional<int64_t> TakeOffset(std::string_view& text) {
  if (TakeChar(text, 'Z') || TakeChar(text, 'z')) return 0;
  int64_t sign = 1;
  if (TakeChar(text, '-')) {
    sign = -1;
  } else if (!TakeChar(text, '+')) {
    return std::nullopt;
  }
  const auto hours = TakeDigits(text, 2);
  if (!hours || *hours > 18) return std::nullopt;
  uint32_t minutes = 0;
  if (!text.empty()) {
    TakeChar(text, ':');
    const auto taken = TakeDigits(text, 2);
    if (!taken || *taken > 59) return std::nullopt;
    minutes = *taken;
  }
  return sign * (int64_t{*hours} * 60 + minutes) * 60 * kMicrosPerSecond;
}

char* PutDigits(uint64_t value, size_t digits, char* at) {
  for (size_t i = digits; i > 0; --i) {
    at[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

char* PutDate(int64_t days, char* at) {
  const CivilDate date = CivilFromDays(days);
  at = PutDigits(static_cast<uint64_t>(date.year), 4, at);
  *at++ = '-';
  at = PutDigits(date.month, 2, at);
  *at++ = '-';
  return PutDigits(date.day, 2, at);
}

char* PutTime(int64_t micros, uint32_t digits, char* at) {
  if (micros < 0) {
    *at++ = '-';
    micros = -micros;
  }
  const auto seconds = static_cast<uint64_t>(micros / kMicrosPerSecond);
  const uint64_t hours = seconds / 3600;
  at = PutDigits(hours, hours > 99 ? 3 : 2, at);
  *at++ = ':';
  at = PutDigits(seconds / 60 % 60, 2, at);
  *at++ = ':';
  at = PutDigits(seconds % 60, 2, at);
  if (digits == 0) return at;
  *at++ = '.';
  char fraction[6];
  PutDigits(static_cast<uint64_t>(micros % kMicrosPerSecond), 6, fraction);
  std::memcpy(at, fraction, digits);
  return at + digits;
}

std::string_view Written(absl::Span<char> buffer, const char* end) {
  return {buffer.data(), static_cast<size_t>(end - buffer.data())};
}

}  // namespace

int64_t DaysFromCivil(const CivilDate& date) {
  const int64_t year = int64_t{date.year} - (date.month <= 2 ? 1 : 0);
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<uint64_t>(year - era * 400);
  const uint64_t shifted_month = date.month > 2 ? date.month - 3 : date.month + 9;
  const uint64_t day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
  const uint64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<int64_t>(day_of_era) - 719'468;
}

CivilDate CivilFromDays(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<uint64_t>(days - era * 146'097);
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<uint32_t>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month =
      static_cast<uint32_t>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  const auto year = static_cast<int32_t>(static_cast<int64_t>(year_of_era) + era * 400);
  return {month <= 2 ? year + 1 : year, month, day};
}

std::optional<int64_t> ParseDate(std::string_view text) {
  const auto days = TakeDate(text);
  return text.empty() ? days : std::nullopt;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  const auto micros = TakeTime(text);
  return text.empty() ? micros : std::nullopt;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  const auto days = TakeDate(text);
  if (!days) return std::nullopt;
  const int64_t midnight = *days * kMicrosPerDay;
  if (text.empty()) return midnight;
  if (!TakeChar(text, 'T') && !TakeChar(text, ' ')) return std::nullopt;
  const auto time = TakeTime(text);
  if (!time) return std::nullopt;
  if (text.empty()) return midnight + *time;
  TakeChar(text, ' ');
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return midnight + *time - *offset;
}

std::string_view FormatDate(int64_t days, absl::Span<char> buffer) {
  return Written(buffer, PutDate(days, buffer.data()));
}

std::string_view FormatTime(int64_t micros, uint32_t digits, absl::Span<char> buffer) {
  return Written(buffer, PutTime(micros, digits, buffer.data()));
}

std::string_view FormatTimestamp(int64_t micros, uint32_t digits, char separator,
                                 absl::Span<char> buffer) {
  int64_t days = micros / kMicrosPerDay;
  if (micros % kMicrosPerDay < 0) --days;
  char* at = PutDate(days, buffer.data());
  *at++ = separator;
  return Written(buffer, PutTime(micros - days * kMicrosPerDay, digits, at));
}

}  // namespace batchsql
