#pragma once

#include <cstdint>

#include "core/mutex.h"

namespace batchsql {

// Bytes on disk that all journals and dead letters of the daemon may use together. Thread-safe.
class DiskBudget {
 public:
  explicit DiskBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // False: the budget is used up.
  [[nodiscard]] bool TryReserve(uint64_t bytes);
  void Release(uint64_t bytes);
  // What is on disk already when the daemon starts, and what must be written even beyond the
  // budget.
  void Add(uint64_t bytes);

  // From here on; what is used already may pass it.
  void SetBytesMax(uint64_t bytes_max);
  uint64_t bytes_max() const;
  uint64_t used_bytes() const;

 private:
  mutable Mutex mutex_;
  uint64_t bytes_max_ ABSL_GUARDED_BY(mutex_);
  uint64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace batchsql
