// What rows wait in, and what is waited for: Batcher, Budget, Receipt, Backoff, RollingCount.

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/backoff.h"
#include "core/batcher.h"
#include "core/budget.h"
#include "core/receipt.h"
#include "core/rolling_count.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Schema = std::shared_ptr<const TableSchema>;

const TimePoint kStart = TimePoint(std::chrono::hours(5));

QueuedBlock Block(const Schema& schema, int64_t first_id, uint32_t rows, TimePoint at = kStart) {
  std::vector<TestRow> cells;
  for (uint32_t i = 0; i < rows; ++i) cells.push_back({{"id", Value::Int(first_id + i)}});
  QueuedBlock block;
  block.rows = BuildBlock(*schema, cells);
  block.schema = schema;
  block.accepted_at = at;
  block.answer.first_lsn = static_cast<Lsn>(first_id) + 1;
  block.answer.last_lsn = block.answer.first_lsn + rows - 1;
  return block;
}

std::vector<int64_t> FirstIds(const Batch& batch) {
  std::vector<int64_t> ids;
  for (const QueuedBlock& block : batch.blocks) ids.push_back(block.rows.column(0).i64(0));
  return ids;
}

TEST_CASE("Batcher closes on rows, on bytes and on age") {
  const auto schema = std::make_shared<const TableSchema>(TestTableAB());
  Batcher batcher({10, 1'000'000, milliseconds(20)});
  CHECK_FALSE(batcher.Due(kStart + seconds(9)));
  CHECK_FALSE(batcher.due_at().has_value());
  batcher.Add(Block(schema, 0, 9));
  CHECK_FALSE(batcher.Due(kStart + milliseconds(19)));
  CHECK(batcher.Due(kStart + milliseconds(20)));
  CHECK(batcher.due_at() == kStart + milliseconds(20));
  batcher.Add(Block(schema, 9, 1, kStart + milliseconds(1)));
  CHECK(batcher.Due(kStart));
  CHECK(batcher.oldest() == kStart);
  batcher.Take();

  Batcher by_bytes({1'000'000, 100, milliseconds(20)});
  by_bytes.Add(Block(schema, 0, 1));
  CHECK_FALSE(by_bytes.Due(kStart));
  while (by_bytes.bytes() < 100) by_bytes.Add(Block(schema, 1, 1));
  CHECK(by_bytes.Due(kStart));
  CHECK(FirstIds(by_bytes.Take()).size() >= 2);
}

TEST_CASE("A batch takes the oldest blocks and stops once a limit is reached") {
  const auto schema = std::make_shared<const TableSchema>(TestTableAB());
  Batcher batcher({10, 1'000'000, milliseconds(20)});
  for (int64_t id : {0, 6, 12, 18}) batcher.Add(Block(schema, id, 6));
  Batch batch = batcher.Take();
  CHECK(FirstIds(batch) == std::vector<int64_t>{0, 6});
  CHECK(batch.rows == 12);
  CHECK(batcher.rows() == 12);
  CHECK(batcher.bytes() == batch.bytes);
  batcher.Take();
  CHECK(batcher.empty());
  CHECK(batcher.rows() == 0);
  CHECK(batcher.bytes() == 0);
  CHECK(batcher.Take().blocks.empty());
}

TEST_CASE("A block above every limit is a batch of its own") {
  const auto schema = std::make_shared<const TableSchema>(TestTableAB());
  Batcher batcher({2, 10, milliseconds(20)});
  batcher.Add(Block(schema, 0, 100));
  batcher.Add(Block(schema, 100, 1));
  CHECK(FirstIds(batcher.Take()) == std::vector<int64_t>{0});
  CHECK(FirstIds(batcher.Take()) == std::vector<int64_t>{100});
}

TEST_CASE("A batch has one schema") {
  const auto one = std::make_shared<const TableSchema>(TestTableAB());
  const auto other = std::make_shared<const TableSchema>(TestTableAB());
  Batcher batcher({100, 1'000'000, milliseconds(20)});
  batcher.Add(Block(one, 0, 1));
  batcher.Add(Block(one, 1, 1));
  batcher.Add(Block(other, 2, 1));
  batcher.Add(Block(one, 3, 1));
  const Batch first = batcher.Take();
  CHECK(FirstIds(first) == std::vector<int64_t>{0, 1});
  CHECK(first.schema == one);
  CHECK(FirstIds(batcher.Take()) == std::vector<int64_t>{2});
  CHECK(FirstIds(batcher.Take()) == std::vector<int64_t>{3});
}

TEST_CASE("Blocks that are put back are the next to be taken, in their order") {
  const auto schema = std::make_shared<const TableSchema>(TestTableAB());
  Batcher batcher({3, 1'000'000, milliseconds(20)});
  for (int64_t id = 0; id < 5; ++id) batcher.Add(Block(schema, id, 1));
  Batch batch = batcher.Take();
  std::vector<QueuedBlock> back;
  back.push_back(std::move(batch.blocks[1]));
  back.push_back(std::move(batch.blocks[2]));
  batcher.PutBack(std::move(back));
  CHECK(batcher.rows() == 4);
  CHECK(FirstIds(batcher.Take()) == std::vector<int64_t>{1, 2, 3});
}

// Waiters of a budget, by name, in the order in which they were let in.
struct Waiters {
  std::vector<std::string> granted;
  std::vector<Budget::Reservation> held;

  Budget::Callback Named(const std::string& name) {
    return [this, name](Budget::Reservation reservation) {
      granted.push_back(reservation.held() ? name : name + " closed");
      held.push_back(std::move(reservation));
    };
  }
};

TEST_CASE("A budget gives what it has, and takes it back") {
  Budget budget(100);
  auto first = budget.TryReserve(60);
  REQUIRE(first.has_value());
  CHECK(budget.used_bytes() == 60);
  CHECK_FALSE(budget.TryReserve(41).has_value());
  {
    const auto second = budget.TryReserve(40);
    CHECK(second.has_value());
    CHECK(budget.used_bytes() == 100);
  }
  CHECK(budget.used_bytes() == 60);
  Budget::Reservation moved = *std::move(first);
  CHECK(moved.bytes() == 60);
  moved.Resize(10);
  CHECK(budget.used_bytes() == 10);
  moved.Resize(500);  // the rows are there already
  CHECK(budget.used_bytes() == 500);
  moved.Release();
  moved.Release();
  CHECK_FALSE(moved.held());
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE("Who waits for memory is let in by order of arrival") {
  Budget budget(100);
  Waiters waiters;
  auto first = budget.TryReserve(100);
  CHECK(budget.ReserveWhenFree(50, waiters.Named("a")) != 0);
  CHECK(budget.ReserveWhenFree(60, waiters.Named("b")) != 0);
  CHECK(budget.ReserveWhenFree(1, waiters.Named("c")) != 0);
  CHECK_FALSE(budget.TryReserve(1).has_value());
  first->Resize(45);
  CHECK(waiters.granted == std::vector<std::string>{"a"});  // c would fit, but b came before
  CHECK_FALSE(budget.TryReserve(1).has_value());
  waiters.held.clear();
  CHECK(waiters.granted.size() == 1);
  first->Release();
  CHECK(waiters.granted == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("Memory that is free is granted at once") {
  Budget budget(100);
  Waiters waiters;
  CHECK(budget.ReserveWhenFree(100, waiters.Named("a")) == 0);
  CHECK(waiters.granted == std::vector<std::string>{"a"});
}

TEST_CASE("A reservation above the whole budget is granted when nothing else is held") {
  Budget budget(100);
  auto large = budget.TryReserve(1000);
  REQUIRE(large.has_value());
  Waiters waiters;
  budget.ReserveWhenFree(5000, waiters.Named("a"));
  CHECK(waiters.granted.empty());
  large->Release();
  CHECK(waiters.granted == std::vector<std::string>{"a"});
}

TEST_CASE("A waiter that is cancelled gets nothing, and those behind it move up") {
  Budget budget(100);
  Waiters waiters;
  auto held = budget.TryReserve(90);
  const uint64_t large = budget.ReserveWhenFree(50, waiters.Named("large"));
  budget.ReserveWhenFree(10, waiters.Named("small"));
  CHECK(budget.Cancel(large));
  CHECK(waiters.granted == std::vector<std::string>{"small", "large closed"});
  CHECK_FALSE(budget.Cancel(large));
  CHECK_FALSE(budget.Cancel(4711));
}

TEST_CASE("A closed budget lets everybody go, and nobody in") {
  Budget budget(100);
  Waiters waiters;
  auto held = budget.TryReserve(100);
  budget.ReserveWhenFree(50, waiters.Named("a"));
  budget.Close();
  CHECK(waiters.granted == std::vector<std::string>{"a closed"});
  CHECK(budget.ReserveWhenFree(1, waiters.Named("b")) == 0);
  CHECK(waiters.granted.back() == "b closed");
  held->Release();
  CHECK_FALSE(budget.TryReserve(1).has_value());
}

TEST_CASE("A hundred thousand waiters are let in without a stack as deep") {
  Budget budget(100);
  auto held = budget.TryReserve(100);
  uint64_t granted = 0;
  for (int i = 0; i < 100'000; ++i) {
    // As rows do: they take less than was reserved, and are written.
    budget.ReserveWhenFree(100, [&granted](Budget::Reservation reservation) {
      char frame[256] = {};
      reservation.Resize(50 + static_cast<unsigned char>(frame[granted % 256]));
      ++granted;
    });
  }
  held->Release();
  CHECK(granted == 100'000);
  CHECK(budget.used_bytes() == 0);
}

TEST_CASE("Threads share a budget without losing a byte") {
  Budget budget(10'000);
  std::atomic<uint64_t> calls{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&budget, &calls, i] {
      for (uint64_t j = 0; j < 2'000; ++j) {
        budget.ReserveWhenFree(1 + (i * 997 + j * 131) % 6'000,
                               [&calls](Budget::Reservation reservation) {
                                 reservation.Resize(reservation.bytes() / 2);
                                 ++calls;
                               });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(calls == 8'000);
  CHECK(budget.used_bytes() == 0);
}

struct Told {
  std::vector<std::pair<AckLevel, absl::StatusCode>> calls;
  Receipt::Listener listener() {
    return [this](AckLevel level, const RequestOutcome& outcome) {
      calls.emplace_back(level, outcome.status.code());
    };
  }
};

TEST_CASE("A receipt answers each level once") {
  Told told;
  const uint64_t abandoned = Receipt::abandoned_total();
  {
    Receipt receipt(told.listener());
    receipt.Journaled();
    receipt.Finish({});
    receipt.Finish({absl::InternalError("again"), {}});
    receipt.Journaled();
  }
  using Calls = std::vector<std::pair<AckLevel, absl::StatusCode>>;
  CHECK(told.calls == Calls{{AckLevel::kJournal, absl::StatusCode::kOk},
                            {AckLevel::kDatabase, absl::StatusCode::kOk}});
  CHECK(Receipt::abandoned_total() == abandoned);
}

TEST_CASE(
    "A receipt that is destroyed, or overwritten, unanswered answers INTERNAL and is counted") {
  Told told;
  const uint64_t abandoned = Receipt::abandoned_total();
  { const Receipt receipt(told.listener()); }
  Receipt overwritten(told.listener());
  overwritten = Receipt([](AckLevel, const RequestOutcome&) {});
  overwritten.Dismiss();
  REQUIRE(told.calls.size() == 2);
  CHECK(told.calls[0].second == absl::StatusCode::kInternal);
  CHECK(Receipt::abandoned_total() == abandoned + 2);
}

TEST_CASE("A receipt that was moved from, or dismissed, says nothing") {
  Told told;
  std::vector<Receipt> receipts;
  receipts.emplace_back(told.listener());
  receipts.push_back(std::move(receipts[0]));
  receipts[0].Finish({});
  CHECK(told.calls.empty());
  receipts[1].Dismiss();
  receipts[1].Finish({});
  CHECK(told.calls.empty());
}

TEST_CASE("Backoff waits between nothing and a ceiling that doubles up to its maximum") {
  std::set<int64_t> waits;
  int64_t longest[6] = {};
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Backoff backoff(milliseconds(10), milliseconds(100), seed);
    for (int n = 0; n < 6; ++n) {
      const Duration ceiling = std::min<Duration>(milliseconds(100), milliseconds(10) * (1 << n));
      const Duration wait = backoff.Next();
      REQUIRE(wait >= Duration(0));
      REQUIRE(wait <= ceiling);
      longest[n] = std::max(longest[n], wait.count());
      waits.insert(wait.count());
    }
  }
  CHECK(waits.size() > 2'900);  // full jitter
  CHECK(longest[0] > 9'800'000);
  CHECK(longest[5] > 98'000'000);
}

TEST_CASE("Backoff stays at its maximum for ever, and begins anew when it is reset") {
  Backoff backoff(milliseconds(50), seconds(10), 1);
  Duration longest{0};
  for (int i = 0; i < 1'000; ++i) {
    const Duration wait = backoff.Next();
    REQUIRE(wait <= Duration(seconds(10)));
    REQUIRE(wait >= Duration(0));
    longest = std::max(longest, wait);
  }
  CHECK(longest > Duration(seconds(9)));
  backoff.Reset();
  CHECK(backoff.Next() <= Duration(milliseconds(50)));
}

TEST_CASE("A rolling count forgets what is older than its window") {
  RollingCount count(seconds(10), 10);
  count.Add(kStart, 5);
  count.Add(kStart + seconds(9), 7);
  CHECK(count.Sum(kStart + seconds(9)) == 12);
  CHECK(count.Sum(kStart + seconds(10)) == 7);
  CHECK(count.Sum(kStart + seconds(19)) == 0);
  count.Add(kStart + seconds(100), 3);
  CHECK(count.Sum(kStart + seconds(100)) == 3);
  CHECK(count.Sum(kStart + std::chrono::hours(1000)) == 0);
}

TEST_CASE("A rolling count takes what comes a little late") {
  RollingCount count(seconds(10), 10);
  count.Add(kStart + seconds(5), 1);
  count.Add(kStart + seconds(4), 2);
  CHECK(count.Sum(kStart + seconds(5)) == 3);
  CHECK(count.Sum(kStart + seconds(16)) == 0);
}

}  // namespace
}  // namespace batchsql
