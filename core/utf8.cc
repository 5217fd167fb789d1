#include "core/utf8.h"

#include <cstdint>
#include <cstring>

namespace batchsql {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080ULL;
constexpr uint64_t kLowBits = 0x0101010101010101ULL;

bool IsContinuation(uint8_t byte) { return (byte & 0xC0U) == 0x80U; }

// Length of the sequence that starts at `at`, 0 when it is not valid. RFC 3629, section 4.
size_t SequenceLength(const uint8_t* at, size_t available) {
  const uint8_t lead = at[0];
  if (lead >= 0xC2 && lead <= 0xDF) {
    return available >= 2 && IsContinuation(at[1]) ? 2 : 0;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (available < 3 || !IsContinuation(at[1]) || !IsContinuation(at[2])) return 0;
    if (lead == 0xE0 && at[1] < 0xA0) return 0;  // overlong
    if (lead == 0xED && at[1] > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (available < 4 || !IsContinuation(at[1]) || !IsContinuation(at[2]) ||
        !IsContinuation(at[3])) {
      return 0;
    }
    if (lead == 0xF0 && at[1] < 0x90) return 0;  // overlong
    if (lead == 0xF4 && at[1] > 0x8F) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

uint64_t LoadWord(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

bool HasZeroByte(uint64_t word) { return ((word - kLowBits) & ~word & kHighBits) != 0; }

}  // namespace

Utf8Facts InspectUtf8(std::string_view text) {
  Utf8Facts facts;
  const auto* const begin = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* at = begin;
  const uint8_t* const end = at + text.size();
  while (at < end) {
    if (end - at >= 8) {
      const uint64_t word = LoadWord(at);
      if ((word & kHighBits) == 0) {
        facts.has_nul |= HasZeroByte(word);
        facts.code_points += 8;
        at += 8;
        continue;
      }
    } else if (end - begin >= 8) {
      // The last eight bytes, of which some were seen before.
      const uint64_t word = LoadWord(end - sizeof(uint64_t));
      if ((word & kHighBits) == 0) {
        facts.has_nul |= HasZeroByte(word);
        facts.code_points += static_cast<size_t>(end - at);
        break;
      }
    }
    size_t length = 1;
    if (*at == 0) {
      facts.has_nul = true;
    } else if (*at >= 0x80) {
      length = SequenceLength(at, static_cast<size_t>(end - at));
      if (length == 0) return facts;
    }
    at += length;
    ++facts.code_points;
  }
  facts.valid = true;
  return facts;
}

std::string_view ClipUtf8(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<uint8_t>(text[bytes_max]) & 0xC0U) == 0x80U) --bytes_max;
  return text.substr(0, bytes_max);
}

}  // namespace batchsql
