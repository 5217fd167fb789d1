#include "core/target.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/support/fake_executor.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

TEST_CASE("A target makes no more connections than it may, and uses them again") {
  FakeDatabase database(TestTableAB());
  int made = 0;
  Target target("main", "fake", 2, [&] {
    ++made;
    return database.MakeExecutor();
  });
  {
    const Target::Lease one = target.Acquire();
    const Target::Lease two = target.Acquire();
    CHECK(made == 2);
  }
  const Target::Lease again = target.Acquire();
  CHECK(made == 2);
  CHECK(target.name() == "main");
  CHECK(target.kind() == "fake");
  CHECK(target.connections_max() == 2);
}

TEST_CASE("Who waits for a connection no longer than until then gets one or none") {
  FakeDatabase database(TestTableAB());
  const auto target = database.MakeTarget(1);
  const TimePoint past = std::chrono::steady_clock::now();
  {
    const std::optional<Target::Lease> only = target->AcquireUntil(past);
    CHECK(only.has_value());
    CHECK_FALSE(target->AcquireUntil(past).has_value());
  }
  CHECK(target->AcquireUntil(past).has_value());
}

TEST_CASE("A target prefers a connection that is open, and counts those") {
  FakeDatabase database(TestTableAB());
  const auto target = database.MakeTarget(3);
  CHECK(target->connections() == 0);
  Executor* opened = nullptr;
  {
    const Target::Lease closed = target->Acquire();
    const Target::Lease other = target->Acquire();
    opened = &*other;
    CHECK(other->Describe({}, {}).ok());
  }
  CHECK(target->connections() == 1);
  {
    const Target::Lease lease = target->Acquire();
    CHECK(&*lease == opened);
    CHECK(target->connections() == 1);  // as it was when leased
    lease->Disconnect();
  }
  CHECK(target->connections() == 0);
}

TEST_CASE("Who asks for a connection waits until one is given back") {
  FakeDatabase database(TestTableAB());
  const auto target = database.MakeTarget(2);
  std::atomic<int> in_use{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        const Target::Lease lease = target->Acquire();
        const int now = ++in_use;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --in_use;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= 2);
  CHECK(in_use == 0);
}

TEST_CASE("A lease that was moved gives its connection back once") {
  FakeDatabase database(TestTableAB());
  const auto target = database.MakeTarget(1);
  {
    Target::Lease first = target->Acquire();
    const Target::Lease second(std::move(first));
    CHECK(second->Describe({}, {}).ok());
  }
  const Target::Lease again = target->Acquire();
  CHECK(again->connected());
}

}  // namespace
}  // namespace batchsql
