#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/budget.h"
#include "core/mutex.h"

namespace batchsql {

// A caller's wait for memory, one request after the other, and the end of it: a client that is gone
// must not go on holding what it sent. Thread-safe.
class MemoryWait {
 public:
  explicit MemoryWait(Budget& budget) : budget_(budget) {}

  // Calls back as Budget::ReserveWhenFree, and at once after End.
  void Begin(uint64_t bytes, Budget::Callback callback) {
    const uint64_t ticket = budget_.ReserveWhenFree(bytes, std::move(callback));
    {
      MutexLock lock(mutex_);
      ticket_ = std::max(ticket_, ticket);  // a later request may have got here first
      if (!ended_) return;
    }
    budget_.Cancel(ticket);
  }

  void End() {
    uint64_t ticket = 0;
    {
      MutexLock lock(mutex_);
      ended_ = true;
      ticket = ticket_;
    }
    budget_.Cancel(ticket);
  }

 private:
  Budget& budget_;
  Mutex mutex_;
  uint64_t ticket_ ABSL_GUARDED_BY(mutex_) = 0;  // the last one; 0 is nobody's
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql
