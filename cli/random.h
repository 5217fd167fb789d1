#pragma once

#include <bit>
#include <cstdint>

namespace batchsql::cli {

// xoshiro256** by David Blackman and Sebastiano Vigna, seeded by splitmix64 as they advise (both in
// the public domain, https://prng.di.unimi.it): the same numbers on every machine, which the
// standard library's distributions do not promise.
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15;
      uint64_t mixed = (seed ^ (seed >> 30U)) * 0xBF58476D1CE4E5B9;
      mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EB;
      word = mixed ^ (mixed >> 31U);
    }
  }

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // 0 to `bound` − 1, by multiplication (Lemire); the bias for the small bounds used here is far
  // below what a load test could see. `bound` is at most 2^32.
  uint64_t Below(uint64_t bound) { return (Next() >> 32U) * bound >> 32U; }

 private:
  uint64_t state_[4];
};

}  // namespace batchsql::cli
