#include "cli/monitoring/durations.h"

#include <cstdint>
#include <regex>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

struct Unit {
  const char* name;
  int64_t ms;
};
constexpr Unit kUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

// Of one number with one unit, as the shipped files write durations.
int64_t Milliseconds(const std::string& number, const std::string& unit) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(number, &value)) return 0;
  for (const Unit& known : kUnits) {
    if (unit == known.name) return value * known.ms;
  }
  return 0;
}

std::string DurationText(int64_t ms) {
  if (ms == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (ms % unit.ms == 0) return absl::StrCat(ms / unit.ms, unit.name);
  }
  return "";
}

// Replaces each match by what `replace` makes of it.
template <typename Replace>
std::string ReplaceMatches(const std::string& line, const std::regex& pattern, Replace replace) {
  std::string out;
  auto from = line.cbegin();
  for (std::sregex_iterator match(line.begin(), line.end(), pattern), end; match != end; ++match) {
    out.append(from, (*match)[0].first);
    out += replace(*match);
    from = (*match)[0].second;
  }
  return out.append(from, line.cend());
}

// `text` with the durations that stand behind the pattern's first group divided.
std::string DivideDurations(const std::string& text, const std::regex& pattern, int factor) {
  return ReplaceMatches(text, pattern, [factor](const std::smatch& match) {
    const int64_t ms = Milliseconds(match[2], match[3]);
    return match[1].str() + DurationText((ms + factor - 1) / factor);
  });
}

// The same for plain numbers of seconds.
std::string DivideSeconds(const std::string& text, const std::regex& pattern, int factor) {
  return ReplaceMatches(text, pattern, [factor](const std::smatch& match) {
    const int64_t ms = Milliseconds(match[2], "s") / factor;
    return match[1].str() + absl::StrFormat("%.6g", static_cast<double>(ms) / 1000) +
           match[3].str();
  });
}

bool IsComment(const std::string& line) {
  const size_t first = line.find_first_not_of(' ');
  return first != std::string::npos && line[first] == '#';
}

std::string ShortenLine(const std::string& line, int factor) {
  static const std::regex kSetting(
      "^( *(?:- )?(?:for|interval|scrape_interval|scrape_timeout|evaluation_interval|group_wait|"
      "group_interval|repeat_interval): )([0-9]+)(ms|s|m|h)$");
  static const std::regex kRange(R"((\[|\boffset )(\d+)(ms|s|m|h)\b)");
  static const std::regex kStep(R"((:)(\d+)(ms|s|m|h)(?=\]))");  // of a subquery, [15m:30s]
  static const std::regex kAge(R"((_age_seconds\)? [<>] )(\d+)()\b)");
  // How far predict_linear looks ahead.
  static const std::regex kForecast(R"((\d(?:ms|s|m|h)\], )(\d+)(\)))");
  if (IsComment(line)) return line;
  std::string out = DivideDurations(line, kSetting, factor);
  out = DivideDurations(out, kRange, factor);
  out = DivideDurations(out, kStep, factor);
  out = DivideSeconds(out, kAge, factor);
  return DivideSeconds(out, kForecast, factor);
}

}  // namespace

std::string ShortenDurations(std::string_view yaml, int factor) {
  std::vector<std::string> lines = absl::StrSplit(AsAbsl(yaml), '\n');
  for (std::string& line : lines) line = ShortenLine(line, factor);
  return absl::StrJoin(lines, "\n");
}

}  // namespace batchsql::cli
