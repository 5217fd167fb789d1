#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace batchsql {

// 16 random bytes, RFC 4122 version 4: the identity of a pipeline, or the token of a claim.
using Uuid = std::array<uint8_t, 16>;

// From the operating system's random source.
Uuid NewUuid();
// 8-4-4-4-12 hexadecimal digits, lower case.
std::string UuidText(const Uuid& uuid);

}  // namespace batchsql
