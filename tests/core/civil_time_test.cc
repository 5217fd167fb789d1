#include "core/civil_time.h"

#include <catch2/catch.hpp>
#include <ctime>
#include <random>
#include <string>

namespace batchsql {
namespace {

std::string Date(int64_t days) {
  char buffer[kDateChars];
  return std::string(FormatDate(days, absl::MakeSpan(buffer)));
}

std::string Timestamp(int64_t micros, uint32_t digits = 6) {
  char buffer[kTimestampChars];
  return std::string(FormatTimestamp(micros, digits, ' ', absl::MakeSpan(buffer)));
}

TEST_CASE("Every day of the years 1 to 9999 goes to text and back") {
  const int64_t first = DaysFromCivil({1, 1, 1});
  const int64_t last = DaysFromCivil({9999, 12, 31});
  CHECK(first == -719162);
  CHECK(last == 2932896);
  int64_t wrong = 0;
  for (int64_t day = first; day <= last; ++day) {
    const CivilDate date = CivilFromDays(day);
    wrong += DaysFromCivil(date) == day ? 0 : 1;
    if (day % 7 == 0) wrong += ParseDate(Date(day)) == day ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Days agree with the C library") {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int64_t> seconds(-62'135'596'800, 253'402'300'799);
  for (int i = 0; i < 20'000; ++i) {
    const std::time_t time = seconds(random);
    std::tm utc{};
    REQUIRE(gmtime_r(&time, &utc) != nullptr);
    char text[40];
    REQUIRE(std::strftime(text, sizeof(text), "-%m-%d %H:%M:%S", &utc) > 0);
    char year[16];
    std::snprintf(year, sizeof(year), "%04d", utc.tm_year + 1900);
    REQUIRE(Timestamp(int64_t{time} * kMicrosPerSecond, 0) == std::string(year) + text);
  }
}

TEST_CASE("Days far outside the calendar go to a date and back") {
  for (int64_t year : {-1'000'000, -401, -400, -1, 0, 10'000, 1'000'000}) {
    const CivilDate date{static_cast<int32_t>(year), 2, 28};
    const CivilDate back = CivilFromDays(DaysFromCivil(date));
    CHECK(back.year == date.year);
    CHECK(back.month == 2);
    CHECK(back.day == 28);
  }
}

TEST_CASE("Leap days exist in leap years only") {
  CHECK(ParseDate("2024-02-29") == 19782);
  CHECK(ParseDate("2000-02-29").has_value());
  CHECK_FALSE(ParseDate("1900-02-29").has_value());
  CHECK_FALSE(ParseDate("2023-02-29").has_value());
  CHECK_FALSE(ParseDate("2024-02-30").has_value());
}

TEST_CASE("Dates that are not strictly written are refused") {
  for (const char* text : {"", "2024-2-29", "24-02-29", "2024/02/29", "2024-02-29 ", " 2024-02-29",
                           "2024-00-01", "2024-13-01", "2024-01-00", "2024-04-31", "02024-01-01",
                           "-024-01-01", "2024-01-1a", "2024-01", "2024-01-01T00:00"}) {
    INFO(text);
    CHECK_FALSE(ParseDate(text).has_value());
  }
}

TEST_CASE("Times have minutes, and up to six digits of a second") {
  CHECK(ParseTime("00:00") == 0);
  CHECK(ParseTime("23:59:59.999999") == kMicrosPerDay - 1);
  CHECK(ParseTime("00:00:00.1") == 100'000);
  CHECK(ParseTime("00:00:00.123456000000") == 123'456);
  for (const char* text : {"", "1:00", "24:00", "00:60", "00:00:60", "00:00:00.", "00:00:",
                           "00:00:00.1234567", "00:00:00,5", "00:00Z", "-00:01", "00:00:00 "}) {
    INFO(text);
    CHECK_FALSE(ParseTime(text).has_value());
  }
}

TEST_CASE("Timestamps have an offset, or none for UTC") {
  CHECK(ParseTimestamp("1970-01-01") == 0);
  CHECK(ParseTimestamp("1970-01-01T00:00:01Z") == kMicrosPerSecond);
  CHECK(ParseTimestamp("1970-01-01 00:00:00+0530") == -19'800 * kMicrosPerSecond);
  CHECK(ParseTimestamp("1970-01-01T00:00:00.5-02:00") == 7'200'500'000);
  CHECK(ParseTimestamp("1970-01-01T00:00 +01") == -3'600 * kMicrosPerSecond);
  CHECK(ParseTimestamp("1969-12-31T23:59:59.999999z") == -1);
  CHECK(ParseTimestamp("2038-01-19T03:14:08Z") == (int64_t{1} << 31) * kMicrosPerSecond);
  for (const char* text :
       {"", "1970-01-01T", "1970-01-01T00", "1970-01-01T00:00:00+", "1970-01-01T00:00:00+1",
        "1970-01-01T00:00:00+02:", "1970-01-01T00:00:00+02:60", "1970-01-01T00:00:00+19:00",
        "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00 ", "1970-01-01Z", "1970-01-01t00:00",
        "1970-01-01  00:00", "1970-01-01T00:00:00+02:00:00"}) {
    INFO(text);
    CHECK_FALSE(ParseTimestamp(text).has_value());
  }
}

TEST_CASE("Timestamps of all centuries go to text and back") {
  std::mt19937_64 random(11);
  std::uniform_int_distribution<int64_t> micros(-719'162 * kMicrosPerDay,
                                                2'932'897 * kMicrosPerDay - 1);
  for (int i = 0; i < 50'000; ++i) {
    const int64_t instant = micros(random);
    REQUIRE(ParseTimestamp(Timestamp(instant)) == instant);
  }
}

TEST_CASE("Formats cut the digits that are not asked for") {
  CHECK(Timestamp(-1) == "1969-12-31 23:59:59.999999");
  CHECK(Timestamp(-1, 0) == "1969-12-31 23:59:59");
  CHECK(Timestamp(1'999, 3) == "1970-01-01 00:00:00.001");
  CHECK(Date(-719162) == "0001-01-01");
  char buffer[kTimestampChars];
  CHECK(FormatTime(kMicrosPerDay - 1, 6, absl::MakeSpan(buffer)) == "23:59:59.999999");
  CHECK(FormatTime(-3'020'399'000'001, 6, absl::MakeSpan(buffer)) == "-838:59:59.000001");
}

}  // namespace
}  // namespace batchsql
