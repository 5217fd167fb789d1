#include "core/periodic.h"

#include <catch2/catch.hpp>

namespace batchsql {
namespace {

class Calls {
 public:
  void Count() {
    MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();
  }
  void Await(int count) {
    MutexLock lock(mutex_);
    while (count_ < count) changed_.Wait(mutex_);
  }
  int count() {
    MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_CASE("A periodic call comes again and again, and no more once its owner is gone") {
  Calls calls;
  {
    const Periodic periodic(std::chrono::milliseconds(1), [&] { calls.Count(); });
    calls.Await(3);
  }
  const int count = calls.count();
  CHECK(count >= 3);
  std::this_thread::yield();
  CHECK(calls.count() == count);
}

TEST_CASE("The end of a periodic call does not wait for the next one") {
  Calls calls;
  {
    const Periodic periodic(std::chrono::hours(1), [&] { calls.Count(); });
  }
  CHECK(calls.count() == 0);
}

}  // namespace
}  // namespace batchsql
