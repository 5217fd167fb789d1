#pragma once

#include <cstdint>
#include <memory>

#include "absl/types/span.h"

namespace batchsql {

// XXH3, 64 bits, of bytes that come in pieces. One thread at a time.
class Checksum {
 public:
  Checksum();
  ~Checksum();

  void Start(uint64_t seed);
  void Add(absl::Span<const char> bytes);
  uint64_t Value() const;

  static uint64_t Of(uint64_t seed, absl::Span<const char> bytes);

 private:
  struct State;  // of the library
  const std::unique_ptr<State> state_;
};

}  // namespace batchsql
