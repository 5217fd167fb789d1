#include "cli/monitoring/durations.h"

#include <catch2/catch.hpp>

namespace batchsql::cli {
namespace {

TEST_CASE("Settings that are durations are divided") {
  CHECK(ShortenDurations("        for: 2m\n", 20) == "        for: 6s\n");
  CHECK(ShortenDurations("  scrape_interval: 5s", 20) == "  scrape_interval: 250ms");
  CHECK(ShortenDurations("  repeat_interval: 4h", 2) == "  repeat_interval: 2h");
  CHECK(ShortenDurations("  group_wait: 0s", 20) == "  group_wait: 0s");
  CHECK(ShortenDurations("  for: 1s", 1000) == "  for: 1ms");
}

TEST_CASE("Ranges, steps, offsets and how far a forecast looks are divided") {
  CHECK(ShortenDurations("predict_linear(sum(a)[15m:30s], 3600)", 10) ==
        "predict_linear(sum(a)[90s:3s], 360)");
  CHECK(ShortenDurations("rate(a[5m]) unless b offset 15m", 5) == "rate(a[1m]) unless b offset 3m");
}

TEST_CASE("Thresholds of ages are divided, those of anything else are not") {
  CHECK(ShortenDurations("a_age_seconds > 30", 20) == "a_age_seconds > 1.5");
  CHECK(ShortenDurations("max by (job) (a_age_seconds) > 60", 4) ==
        "max by (job) (a_age_seconds) > 15");
  CHECK(ShortenDurations("batchsql_current_rps < 1000", 20) == "batchsql_current_rps < 1000");
}

TEST_CASE("Comments, texts and names stay") {
  for (const char* line : {"      # for: 5m, over [5m]", "summary: failed over the last 5 minutes",
                           "- record: batchsql:records_processed:rate5m"}) {
    CHECK(ShortenDurations(line, 10) == line);
  }
}

}  // namespace
}  // namespace batchsql::cli
