#include "config/expand.h"

#include <catch2/catch.hpp>

#include "tests/config/temp_file.h"
#include "tests/config/test_variables.h"

namespace batchsql {
namespace {

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<std::string> result = Expand(text, TestVariables({{"SET", "value"}}));
  REQUIRE_FALSE(result.ok());
  return std::string(result.status().message());
}

TEST_CASE("Expand puts in variables once") {
  const VariableLookup variables =
      TestVariables({{"A", "1"}, {"_b2", "two"}, {"EMPTY", ""}, {"NESTED", "${A}$$"}});
  CHECK(Expand("", variables).value() == "");
  CHECK(Expand("plain", variables).value() == "plain");
  CHECK(Expand("${A}", variables).value() == "1");
  CHECK(Expand("x${A}y${_b2}${EMPTY}z", variables).value() == "x1ytwoz");
  CHECK(Expand("a$$b$${A}$$", variables).value() == "a$b${A}$");
  CHECK(Expand("${NESTED}", variables).value() == "${A}$$");
}

TEST_CASE("Expand puts in a file without its last line break") {
  for (const auto& [bytes, text] : std::map<std::string, std::string>{{"secret", "secret"},
                                                                      {"secret\n", "secret"},
                                                                      {"secret\r\n", "secret"},
                                                                      {"two\n\n", "two\n"},
                                                                      {"", ""},
                                                                      {"${SET}$$\n", "${SET}$$"},
                                                                      {" blank \n", " blank "}}) {
    const TempFile file(bytes);
    CHECK(Expand("<${file:" + file.path() + "}>", TestVariables()).value() == "<" + text + ">");
  }
}

TEST_CASE("Expand names what is missing and nothing else") {
  CHECK(ErrorOf("hunter2${UNSET}") == "the environment variable UNSET is not set");
  CHECK(ErrorOf("hunter2${file:/nonexistent/x}") ==
        "${file:/nonexistent/x}: cannot be opened: No such file or directory");
  CHECK(ErrorOf("hunter2${file:/tmp}") == "${file:/tmp}: cannot be read: Is a directory");
  CHECK(ErrorOf("${file:relative}") ==
        "${file:…} needs an absolute path, as in ${file:/run/secret}");
  CHECK(ErrorOf("hunter2$x") == "a dollar sign stands alone: write $$ for it, or ${NAME}");
  CHECK(ErrorOf("hunter2$") == "a dollar sign stands alone: write $$ for it, or ${NAME}");
  CHECK(ErrorOf("hunter2${SET") == "${ is not closed by }");
  CHECK(ErrorOf("${}") == "expected ${NAME} or ${file:/path} after a dollar sign");
  CHECK(ErrorOf("${hunter 2}") == "expected ${NAME} or ${file:/path} after a dollar sign");
  CHECK(ErrorOf("${1A}") == "expected ${NAME} or ${file:/path} after a dollar sign");
}

TEST_CASE("Expand refuses a file of more than 64 KiB") {
  const TempFile fits(std::string(64 * 1024, 'x'));
  CHECK(Expand("${file:" + fits.path() + "}", TestVariables()).value().size() == 64 * 1024);
  const TempFile large(std::string(64 * 1024 + 1, 'x'));
  CHECK(ErrorOf("${file:" + large.path() + "}") ==
        "${file:" + large.path() + "}: is larger than 65536 bytes");
  CHECK(ErrorOf("${file:/dev/zero}") == "${file:/dev/zero}: is larger than 65536 bytes");
}

TEST_CASE("ProcessVariables reads the environment") {
  setenv("BATCHSQL_CONFIG_TEST", "here", 1);
  unsetenv("BATCHSQL_CONFIG_TEST_UNSET");
  CHECK(ProcessVariables()("BATCHSQL_CONFIG_TEST") == "here");
  CHECK(ProcessVariables()("BATCHSQL_CONFIG_TEST_UNSET") == std::nullopt);
}

}  // namespace
}  // namespace batchsql
