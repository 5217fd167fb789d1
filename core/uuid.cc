#include "core/uuid.h"

#include <cstring>
#include <random>
#include <string_view>

#include "core/producers.h"

namespace batchsql {
namespace {

Uuid Mark(Uuid uuid, uint8_t version) {
  uuid[6] = static_cast<uint8_t>((uuid[6] & 0x0f) | (version << 4));
  uuid[8] = static_cast<uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

}  // namespace

Uuid NewUuid() {
  std::random_device source;  // getrandom(2) or RDRAND
  Uuid uuid;
  for (size_t i = 0; i < uuid.size(); i += sizeof(uint32_t)) {
    const uint32_t word = source();
    std::memcpy(uuid.data() + i, &word, sizeof(word));
  }
  return Mark(uuid, 4);
}

Uuid UuidOfName(std::string_view name) { return Mark(DigestOf(name), 8); }

std::string UuidText(const Uuid& uuid) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 0x0f];
  }
  return text;
}

}  // namespace batchsql
