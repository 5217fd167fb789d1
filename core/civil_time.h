#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/types/span.h"

namespace batchsql {

// Proleptic Gregorian calendar. Algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms" (days_from_civil, civil_from_days).

struct CivilDate {
  int32_t year;
  uint32_t month;  // 1–12
  uint32_t day;    // 1–31
};

int64_t DaysFromCivil(const CivilDate& date);
CivilDate CivilFromDays(int64_t days);

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// Strict parsers; nullopt for anything else, a day that does not exist included. More than six
// digits of a second are refused unless the rest are zeros.
std::optional<int64_t> ParseDate(std::string_view text);  // 2024-02-29 → days
std::optional<int64_t> ParseTime(std::string_view text);  // 23:59[:59[.999999]] → microseconds
// Date, `T` or space, time, then nothing, `Z` or an offset (+02, +02:00, +0200); no offset means
// UTC. A date alone is its midnight. → microseconds
std::optional<int64_t> ParseTimestamp(std::string_view text);

// Writers for fixed buffers; they return the text, which lies in `buffer`. Years 0–9999; the
// fraction has `digits` digits (0–6), cut, not rounded.
inline constexpr size_t kDateChars = 16;
inline constexpr size_t kTimestampChars = 40;
std::string_view FormatDate(int64_t days, absl::Span<char> buffer);
std::string_view FormatTime(int64_t micros, uint32_t digits, absl::Span<char> buffer);
// `separator` stands between date and time.
std::string_view FormatTimestamp(int64_t micros, uint32_t digits, char separator,
                                 absl::Span<char> buffer);

}  // namespace batchsql
