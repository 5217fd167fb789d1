#include "cli/doctor/exposition.h"

#include <catch2/catch.hpp>
#include <cmath>

namespace batchsql::cli {
namespace {

TEST_CASE("The text format is read with types, labels, escapes, times and infinities") {
  const auto read = ParseExposition(
      "# HELP a_total What \"a\" is.\n# TYPE a_total counter\n"
      "a_total{x=\"q\\\"\\\\\\n\",y=\"\",} 3\n\na_total{x=\"1\"} 2 1700000000000\n"
      "# TYPE h histogram\nh_bucket{le=\"+Inf\"} +Inf\nn NaN\nbare -1.5e3\n");
  REQUIRE(read.ok());
  CHECK(read->types.at("a_total") == "counter");
  CHECK(read->types.at("h") == "histogram");
  REQUIRE(read->Named("a_total").size() == 2);
  CHECK(read->Named("a_total")[0]->Label("x") == "q\"\\\n");
  CHECK(read->Named("a_total")[0]->Label("none").empty());
  CHECK(read->Sum("a_total") == 5);
  CHECK(std::isinf(read->Named("h_bucket")[0]->value));
  CHECK(std::isnan(read->Named("n")[0]->value));
  CHECK(read->Sum("bare") == -1500);
  CHECK(read->Sum("missing") == 0);
}

TEST_CASE("What is not in the text format is refused with its line") {
  for (const char* text : {"<html>", "a", "a{x=\"1\" 3", "a{x=1} 3", "a{x=\"1} 3", "a{=\"1\"} 3",
                           "a one", "{x=\"1\"} 3", "a{x=\"\\"}) {
    CAPTURE(text);
    const auto read = ParseExposition(std::string("ok 1\n") + text + "\n");
    REQUIRE(!read.ok());
    CHECK(std::string(read.status().message()).find("line 2 ") != std::string::npos);
  }
}

}  // namespace
}  // namespace batchsql::cli
