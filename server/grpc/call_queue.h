#pragma once

#include <deque>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "core/mutex.h"

namespace batchsql {

// Runs calls that wait for disks, one after the other, on a thread of its own, so that gRPC's
// threads do not. Thread-safe; its end runs what was added before.
class CallQueue {
 public:
  static constexpr size_t kCallsMax = 64;
  using Call = absl::AnyInvocable<void()>;

  CallQueue();
  ~CallQueue();

  // False: too many wait; the call is not taken.
  [[nodiscard]] bool Add(Call& call);

 private:
  void Run();

  Mutex mutex_;
  CondVar wake_;
  std::deque<Call> calls_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace batchsql
