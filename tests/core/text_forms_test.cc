// UTF-8, JSON and decimals: the texts that validation reads.

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "core/decimal.h"
#include "core/json_text.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

// By the definition: decodes each character and looks at its number and shortest length.
Utf8Facts NaiveUtf8(std::string_view text) {
  Utf8Facts facts;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<uint8_t>(text[at]);
    const size_t length = lead < 0x80        ? 1
                          : lead >> 5U == 6  ? 2
                          : lead >> 4U == 14 ? 3
                          : lead >> 3U == 30 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) return facts;
    uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<uint8_t>(text[at + i]);
      if (byte >> 6U != 2) return facts;
      code = code << 6U | (byte & 0x3FU);
    }
    static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return facts;
    }
    facts.has_nul = facts.has_nul || code == 0;
    ++facts.code_points;
    at += length;
  }
  facts.valid = true;
  return facts;
}

void CheckUtf8(const std::string& text) {
  const Utf8Facts naive = NaiveUtf8(text);
  const Utf8Facts facts = InspectUtf8(text);
  REQUIRE(facts.valid == naive.valid);
  if (!facts.valid) return;
  REQUIRE(facts.has_nul == naive.has_nul);
  REQUIRE(facts.code_points == naive.code_points);
}

TEST_CASE("UTF-8 is judged as by its definition, on every sequence of up to three bytes") {
  for (uint32_t bytes = 0; bytes < 1U << 24U; bytes += bytes < 1U << 16U ? 1 : 7) {
    const std::string text = {static_cast<char>(bytes), static_cast<char>(bytes >> 8U),
                              static_cast<char>(bytes >> 16U)};
    if (InspectUtf8(text).valid != NaiveUtf8(text).valid) FAIL(bytes);
  }
}

TEST_CASE("UTF-8 is judged as by its definition, on random bytes and mended text") {
  std::mt19937 random(3);
  const std::string pieces[] = {"a",
                                "abcdefgh",
                                std::string(1, '\0'),
                                "\xc2\x80",
                                "\xdf\xbf",
                                "\xe0\xa0\x80",
                                "\xed\x9f\xbf",
                                "\xee\x80\x80",
                                "\xef\xbf\xbf",
                                "\xf0\x90\x80\x80",
                                "\xf4\x8f\xbf\xbf"};
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (uint32_t piece = random() % 12; piece > 0; --piece) {
      text += pieces[random() % std::size(pieces)];
    }
    CheckUtf8(text);
    if (!text.empty()) text[random() % text.size()] = static_cast<char>(random());
    CheckUtf8(text);
  }
}

TEST_CASE("A NUL is found wherever it stands") {
  for (size_t size = 1; size < 20; ++size) {
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, '\x01');
      text[at] = '\0';
      CHECK(InspectUtf8(text).has_nul);
    }
    CHECK_FALSE(InspectUtf8(std::string(size, '\x01')).has_nul);
    CHECK_FALSE(InspectUtf8(std::string(size, '\x7f')).has_nul);
  }
}

TEST_CASE("JSON by RFC 8259 is valid") {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "-0.0e-0",
                           "1E+5",
                           "12.75",
                           "\"\"",
                           "[]",
                           "{}",
                           " [ ] ",
                           "[1,[2,{\"a\":{}}],3]",
                           "{\"a\":1,\"a\":2}",
                           "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                           "\t\n\r [1 , 2]\n",
                           "{\"\":[]}",
                           "\"gr\xc3\xbcn\"",
                           "\"\\ud800\"",
                           "1e999999"}) {
    INFO(text);
    CHECK(IsValidJson(text, 64));
  }
}

TEST_CASE("What is not JSON by RFC 8259 is not valid") {
  for (const char* text : {"",
                           " ",
                           "nul",
                           "nulll",
                           "True",
                           "01",
                           "-",
                           "+1",
                           ".5",
                           "1.",
                           "1e",
                           "1e+",
                           "0x1",
                           "NaN",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\u123\"",
                           "\"a\nb\"",
                           "'a'",
                           "[",
                           "]",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "[1]]",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:1}",
                           "[}",
                           "{]",
                           "[1}",
                           "1 2",
                           "\xef\xbb\xbf[]",
                           "{\"a\" 1}",
                           "{,}",
                           "[\"\\\"]",
                           "/**/1",
                           "-a"}) {
    INFO(text);
    CHECK_FALSE(IsValidJson(text, 64));
  }
  CHECK_FALSE(IsValidJson(std::string_view("1\0", 2), 64));
}

TEST_CASE("JSON is valid to its depth and no deeper") {
  for (uint32_t depth : {1U, 2U, 64U}) {
    const std::string nested = std::string(depth, '[') + std::string(depth, ']');
    CHECK(IsValidJson(nested, depth));
    CHECK_FALSE(IsValidJson(nested, depth - 1));
    CHECK(IsValidJson("[" + nested.substr(1, nested.size() - 2) + "]", depth));
  }
  CHECK(IsValidJson("[[],[],[[]]]", 3));
  CHECK(IsValidJson("1", 0));
}

std::string Canonical(std::string_view text, uint32_t precision = 0, uint32_t scale = 0) {
  std::string canonical = "previous";
  const RejectReason reason = CanonicalDecimal(text, precision, scale, &canonical);
  return reason == RejectReason::kNone ? canonical : std::string(RejectReasonName(reason));
}

TEST_CASE("Decimals lose zeros, signs and exponents that mean nothing") {
  CHECK(Canonical("0") == "0");
  CHECK(Canonical("-0.000") == "0");
  CHECK(Canonical("+007.1000") == "7.1");
  CHECK(Canonical(".5") == "0.5");
  CHECK(Canonical("5.") == "5");
  CHECK(Canonical("-1.5e3") == "-1500");
  CHECK(Canonical("1.5E-3") == "0.0015");
  CHECK(Canonical("12345e-2") == "123.45");
  CHECK(Canonical("0e99999999999999999999") == "0");
  CHECK(Canonical("100e-2") == "1");
  CHECK(Canonical("0.00100e+3") == "1");
}

TEST_CASE("An exponent is taken whole, however many digits it is to make up for") {
  for (const size_t zeros : {size_t{1'000}, size_t{199'999}, size_t{200'010}, size_t{1'000'000}}) {
    const std::string exponent = std::to_string(zeros);
    CHECK(Canonical("1" + std::string(zeros, '0') + "e-" + exponent) == "1");
    CHECK(Canonical("0." + std::string(zeros - 1, '0') + "1e" + exponent) == "1");
    CHECK(Canonical("-12" + std::string(zeros, '0') + "e-" + exponent, 3, 1) == "-12");
  }
  for (const char* exponent :
       {"200010", "1000000000000", "9223372036854775807", "99999999999999999999999999"}) {
    CHECK(Canonical(std::string("1e") + exponent) == "out_of_range");
    CHECK(Canonical(std::string("1e-") + exponent) == "inexact");
  }
}

TEST_CASE("Decimals keep 38 digits") {
  const std::string digits = "12345678901234567890123456789012345678";
  CHECK(Canonical(digits, 38, 0) == digits);
  CHECK(Canonical("-" + digits + ".000", 38, 0) == "-" + digits);
  CHECK(Canonical(digits + "9", 38, 0) == "out_of_range");
  CHECK(Canonical("0." + digits, 38, 38) == "0." + digits);
  CHECK(Canonical("0." + digits + "1", 38, 38) == "inexact");
  CHECK(Canonical("1." + digits.substr(1), 38, 37) == "1." + digits.substr(1));
}

TEST_CASE("Decimals that do not fit precision and scale are refused") {
  CHECK(Canonical("999.99", 5, 2) == "999.99");
  CHECK(Canonical("1000", 5, 2) == "out_of_range");
  CHECK(Canonical("1e3", 5, 2) == "out_of_range");
  CHECK(Canonical("0.001", 5, 2) == "inexact");
  CHECK(Canonical("0.0010", 5, 3) == "0.001");
  CHECK(Canonical("1e-400", 5, 2) == "inexact");
  CHECK(Canonical("0.001", 2, 3) == "0.001");  // numeric(2,3) holds 0.0dd
  CHECK(Canonical("0.1", 2, 3) == "out_of_range");
  CHECK(Canonical("1e131071").size() == 131'072);
  CHECK(Canonical("1e131072") == "out_of_range");
  CHECK(Canonical("1e-16383").size() == 16'385);
  CHECK(Canonical("1e-16384") == "inexact");
}

TEST_CASE("What is no decimal is refused") {
  for (const char* text : {"", "-", ".", "e5", "1e", "1e+", "--1", "1.2.3", "1,5", " 1", "1 ",
                           "0x1", "inf", "NaN", "1e5.5", "1f"}) {
    INFO(text);
    CHECK(Canonical(text) == "wrong_type");
  }
}

}  // namespace
}  // namespace batchsql
