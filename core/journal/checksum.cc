#include "core/journal/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace batchsql {

struct Checksum::State {
  XXH3_state_t xxh3;
};

Checksum::Checksum() : state_(std::make_unique<State>()) { Start(0); }
Checksum::~Checksum() = default;

void Checksum::Start(uint64_t seed) { XXH3_64bits_reset_withSeed(&state_->xxh3, seed); }

void Checksum::Add(absl::Span<const char> bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}

uint64_t Checksum::Value() const { return XXH3_64bits_digest(&state_->xxh3); }

uint64_t Checksum::Of(uint64_t seed, absl::Span<const char> bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace batchsql
