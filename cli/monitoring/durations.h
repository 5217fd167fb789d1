#pragma once

#include <string>
#include <string_view>

namespace batchsql::cli {

// The largest factor that ShortenDurations takes.
inline constexpr int kShortenMax = 1000;

// A file of prometheus/ for a drill, in which time passes `factor` times faster: every duration
// (`for`, intervals, ranges, offsets) and every threshold of an age divided by it, to whole
// milliseconds. Comments and the texts of annotations stay.
std::string ShortenDurations(std::string_view yaml, int factor);

}  // namespace batchsql::cli
