#include "cli/progress.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "cli/text_table.h"

namespace batchsql::cli {
namespace {

TEST_CASE("A bar tells share, rows, speed and time left within the width") {
  const ProgressSample sample{10, 1'234'567, 0, 250, 1000};
  CHECK(FormatBar(sample, 100) ==
        "[#######.......................]  25.0 %  1,234,567 rows  123,456 rows/s  0:30 left");
  CHECK(FormatBar(sample, 70).size() <= 70);
  CHECK(FormatBar(sample, 20).size() == 20);
}

TEST_CASE("Without a size there is no share and no time left") {
  const ProgressSample sample{10, 1000, 3, 250, std::nullopt};
  CHECK(FormatBar(sample, 100) == "1,000 rows  100 rows/s  3 rejected");
  CHECK(FormatLine(sample) == "load: 1,000 rows  100 rows/s  3 rejected");
}

TEST_CASE("Times left above an hour have hours") {
  CHECK(FormatLine({3600, 1, 0, 1, 3}) == "load: 33.3 %  1 rows  0 rows/s  2:00:00 left");
  CHECK(FormatLine({1, 0, 0, 0, 3}) == "load: 0.0 %  0 rows  0 rows/s  -:-- left");
}

TEST_CASE("A bar on a terminal is redrawn at most ten times a second") {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const out = open_memstream(&text, &size);
  Progress progress(out, true);
  for (int tick = 0; tick <= 200; ++tick) {
    progress.Update({tick / 100.0, static_cast<uint64_t>(tick), 0, 0, std::nullopt});
  }
  progress.Print("a line");
  progress.Clear();
  std::fclose(out);
  const std::string shown(text, size);
  std::free(text);
  size_t redraws = 0;
  for (size_t at = shown.find('\r'); at != std::string::npos; at = shown.find('\r', at + 1)) {
    ++redraws;
  }
  CHECK(redraws <= 20 + 2);  // Print and Clear take the bar away once each
  CHECK(redraws >= 15);
  CHECK(shown.find("\r\x1b[Ka line\n") != std::string::npos);
  CHECK(shown.ends_with("\r\x1b[K"));
}

TEST_CASE("A text table aligns its columns") {
  TextTable table({"NAME", "N"}, {false, true});
  table.Add({"ü", "10"});
  table.Add({"long name", "1"});
  CHECK(table.Text() == "NAME        N\nü          10\nlong name   1\n");
}

}  // namespace
}  // namespace batchsql::cli
