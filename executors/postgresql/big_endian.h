#pragma once

#include <cstdint>
#include <cstring>

namespace batchsql::postgresql {

// Network byte order; each returns the end of what it wrote.

inline char* Put16(char* out, uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

inline char* Put32(char* out, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

inline char* Put64(char* out, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

}  // namespace batchsql::postgresql
