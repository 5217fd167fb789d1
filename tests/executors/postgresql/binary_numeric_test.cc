#include "executors/postgresql/binary_numeric.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace batchsql::postgresql {
namespace {

// The 16-bit words of the wire form: count, weight, sign, scale, digits.
std::vector<uint16_t> Words(const std::string& text) {
  std::string out(NumericBytesMax(text.size()), '\0');
  const char* end = EncodeNumeric(out.data(), text);
  std::vector<uint16_t> words;
  for (const char* at = out.data(); at < end; at += 2) {
    words.push_back(
        static_cast<uint16_t>(static_cast<uint8_t>(at[0]) << 8U | static_cast<uint8_t>(at[1])));
  }
  return words;
}

using W = std::vector<uint16_t>;
constexpr uint16_t kMinus = 0x4000;
constexpr uint16_t kMinusOne = 0xFFFF;

TEST_CASE("Numeric: zero has no digits") { CHECK(Words("0") == W{0, 0, 0, 0}); }

TEST_CASE("Numeric: whole numbers") {
  CHECK(Words("1") == W{1, 0, 0, 0, 1});
  CHECK(Words("-1") == W{1, 0, kMinus, 0, 1});
  CHECK(Words("9999") == W{1, 0, 0, 0, 9999});
  CHECK(Words("10000") == W{1, 1, 0, 0, 1});
  CHECK(Words("12345678") == W{2, 1, 0, 0, 1234, 5678});
  CHECK(Words("100000001") == W{3, 2, 0, 0, 1, 0, 1});
}

TEST_CASE("Numeric: fractions keep their scale") {
  CHECK(Words("0.1") == W{1, kMinusOne, 0, 1, 1000});
  CHECK(Words("0.0001") == W{1, kMinusOne, 0, 4, 1});
  CHECK(Words("0.00001") == W{1, 0xFFFE, 0, 5, 1000});
  CHECK(Words("-12345.6789") == W{3, 1, kMinus, 4, 1, 2345, 6789});
  CHECK(Words("1.5") == W{2, 0, 0, 1, 1, 5000});
}

TEST_CASE("Numeric: NaN") { CHECK(Words("NaN") == W{0, 0, 0xC000, 0}); }

TEST_CASE("Numeric: no text outgrows the bytes set aside for it") {
  for (size_t digits = 1; digits < 40; ++digits) {
    for (const std::string& text : {std::string(digits, '9'), "0." + std::string(digits, '9')}) {
      CHECK(Words(text).size() * 2 <= NumericBytesMax(text.size()));
    }
  }
}

}  // namespace
}  // namespace batchsql::postgresql
