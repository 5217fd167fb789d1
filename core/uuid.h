#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace batchsql {

// 16 random bytes, RFC 4122 version 4: the identity of a pipeline, or the token of a claim.
using Uuid = std::array<uint8_t, 16>;

// From the operating system's random source.
Uuid NewUuid();
// The same for the same name: a 128-bit XXH3 of it, marked as version 8 (RFC 9562).
Uuid UuidOfName(std::string_view name);
// 8-4-4-4-12 hexadecimal digits, lower case.
std::string UuidText(const Uuid& uuid);

}  // namespace batchsql
