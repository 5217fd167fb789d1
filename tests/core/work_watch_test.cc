#include "core/work_watch.h"

#include <catch2/catch.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "core/mutex.h"
#include "tests/support/simulated_clock.h"

namespace batchsql {
namespace {

// Threads that wait for work once each; the first one watches. Ends when all have been woken.
class Pool {
 public:
  ~Pool() {
    for (std::thread& thread : threads_) thread.join();
  }

  // Returns when the thread waits: it holds the mutex until then.
  void Add(std::optional<TimePoint> due) {
    MutexLock lock(mutex_);
    const size_t number = threads_.size();
    threads_.emplace_back([this, number, due] { WaitOnce(number, due); });
    while (waiting_ <= number) changed_.Wait(mutex_);
  }
  void Notify() {
    MutexLock lock(mutex_);
    watch_.Notify();
  }
  void PassOn() {
    MutexLock lock(mutex_);
    watch_.PassOn();
  }
  void NotifyAll() {
    MutexLock lock(mutex_);
    watch_.NotifyAll();
  }
  std::vector<size_t> AwaitWoken(size_t count) {
    MutexLock lock(mutex_);
    while (woken_.size() < count) changed_.Wait(mutex_);
    return woken_;
  }
  SimulatedClock& clock() { return clock_; }

 private:
  void WaitOnce(size_t number, std::optional<TimePoint> due) {
    MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    watch_.Wait(clock_, mutex_, due);
    woken_.push_back(number);
    changed_.NotifyAll();
  }

  SimulatedClock clock_;
  Mutex mutex_;
  CondVar changed_;
  WorkWatch watch_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<size_t> woken_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

using Threads = std::vector<size_t>;

TEST_CASE("News wakes the thread that watches, and the next one when the watch is passed on") {
  Pool pool;
  for (int i = 0; i < 3; ++i) pool.Add(std::nullopt);
  pool.Notify();
  CHECK(pool.AwaitWoken(1) == Threads{0});
  pool.PassOn();
  CHECK(pool.AwaitWoken(2).size() == 2);
  pool.PassOn();
  CHECK(pool.AwaitWoken(3).size() == 3);
}

TEST_CASE("Time wakes the thread that watches") {
  Pool pool;
  pool.Add(pool.clock().Now() + std::chrono::seconds(1));
  pool.Add(std::nullopt);
  pool.clock().Advance(std::chrono::seconds(1));
  CHECK(pool.AwaitWoken(1) == Threads{0});
  pool.PassOn();
  CHECK(pool.AwaitWoken(2) == Threads{0, 1});
}

TEST_CASE("The thread that watches looks again where another knows of a sooner time") {
  Pool pool;
  pool.Add(std::nullopt);
  pool.Add(pool.clock().Now() + std::chrono::seconds(1));
  CHECK(pool.AwaitWoken(1) == Threads{0});
  pool.PassOn();
  CHECK(pool.AwaitWoken(2) == Threads{0, 1});
}

TEST_CASE("An end wakes every thread") {
  Pool pool;
  for (int i = 0; i < 3; ++i) pool.Add(std::nullopt);
  pool.NotifyAll();
  CHECK(pool.AwaitWoken(3).size() == 3);
}

}  // namespace
}  // namespace batchsql
