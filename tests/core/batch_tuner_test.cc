#include "core/batch_tuner.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <functional>

namespace batchsql {
namespace {

using std::chrono::milliseconds;

BatchLimits Limits(uint64_t rows_max, Duration linger) {
  return {.rows_max = rows_max, .bytes_max = uint64_t{8} << 20, .linger = linger, .tuned = true};
}

// A table whose flushes take as long as `cost` says, fed by clients that always have more.
struct Table {
  BatchTuner tuner;
  std::function<double(uint64_t rows)> cost;  // in seconds
  TimePoint now{};

  void Flush(bool undisturbed = true) {
    const uint64_t rows = tuner.rows_max();
    const TimePoint started = now;
    now += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(cost(rows)));
    tuner.Committed({rows, rows * 10, undisturbed, started, now});
  }
  void Run(int flushes) {
    for (int i = 0; i < flushes; ++i) Flush();
  }
};

double PerRow(uint64_t rows) { return static_cast<double>(rows) * 2e-6; }

// So many clients, each of which waits for its answer before it sends its next row.
struct ClosedLoop {
  BatchTuner tuner;
  uint64_t clients;
  Duration flush;
  TimePoint now{};

  void Run(int flushes) {
    for (int i = 0; i < flushes; ++i) {
      const TimePoint started = now + tuner.linger();
      now = started + flush;
      tuner.Committed({clients, clients * 10, true, started, now});
    }
  }
};

// A thousand rows a second arrive, whatever is answered.
void RunOpenLoop(BatchTuner& tuner, Duration flush, int flushes) {
  TimePoint now{};
  double arrived = 0;
  for (int i = 0; i < flushes; ++i) {
    const TimePoint started = now + tuner.linger();
    arrived += std::chrono::duration<double>(started + flush - now).count() * 1000;
    now = started + flush;
    const auto rows = static_cast<uint64_t>(arrived);
    arrived -= static_cast<double>(rows);
    tuner.Committed({rows, rows * 10, true, started, now});
  }
}

}  // namespace

TEST_CASE("Batches begin at ten thousand rows, without waiting") {
  const BatchTuner tuner(Limits(100'000, milliseconds(20)));
  CHECK(tuner.rows_max() == 10'000);
  CHECK(tuner.linger() == Duration(0));
}

TEST_CASE("The limits bound what is tried") {
  const BatchTuner tuner(Limits(100, Duration(0)));
  CHECK(tuner.rows_max() == 100);
  CHECK(tuner.linger() == Duration(0));
  Table table{BatchTuner(Limits(15'000, milliseconds(1))),
              [](uint64_t rows) { return 1 + PerRow(rows); }};
  table.now += std::chrono::hours(1);
  for (int i = 0; i < 2000; ++i) {
    table.Flush();
    REQUIRE(table.tuner.rows_max() <= 15'000);
    REQUIRE(table.tuner.linger() <= milliseconds(1));
  }
}

TEST_CASE("A database with dear commits gets larger batches") {
  Table table{BatchTuner(Limits(100'000, milliseconds(20))),
              [](uint64_t rows) { return 0.1 + PerRow(rows); }};
  table.Run(500);
  CHECK(table.tuner.rows_max() >= 80'000);
}

TEST_CASE("A database that is slow with large batches gets smaller ones") {
  Table table{BatchTuner(Limits(100'000, milliseconds(20))), [](uint64_t rows) {
                return 0.001 + PerRow(rows) * (1 + std::pow(static_cast<double>(rows) / 2500, 2));
              }};
  table.Run(4000);
  CHECK(table.tuner.rows_max() >= 625);
  CHECK(table.tuner.rows_max() <= 2500);
}

TEST_CASE("Where no size is better, the size stays and is seldom doubted") {
  Table table{BatchTuner(Limits(100'000, milliseconds(20))), PerRow};
  table.Run(2000);
  int elsewhere = 0;
  for (int i = 0; i < 2000; ++i) {
    table.Flush();
    if (table.tuner.rows_max() != 10'000) ++elsewhere;
  }
  CHECK(elsewhere < 200);
}

TEST_CASE("A database that changes is followed") {
  Table table{BatchTuner(Limits(100'000, milliseconds(20))),
              [](uint64_t rows) { return 0.1 + PerRow(rows); }};
  table.Run(500);
  table.cost = [](uint64_t rows) { return PerRow(rows) * (1 + static_cast<double>(rows) / 5000); };
  table.Run(5000);
  CHECK(table.tuner.rows_max() <= 1250);
}

TEST_CASE("Epochs with a retried flush are not judged") {
  Table table{BatchTuner(Limits(100'000, milliseconds(20))),
              [](uint64_t rows) { return 0.1 + PerRow(rows); }};
  for (int i = 0; i < 500; ++i) table.Flush(i % 4 != 0);
  CHECK(table.tuner.rows_max() == 10'000);
}

TEST_CASE("Clients that wait for their answers are not kept waiting") {
  ClosedLoop loop{BatchTuner(Limits(100'000, milliseconds(20))), 64, milliseconds(3)};
  loop.Run(3000);
  CHECK(loop.tuner.linger() <= std::chrono::microseconds(250));
}

TEST_CASE("Where waiting costs nothing, the longest linger spares the database") {
  BatchTuner tuner(Limits(100'000, milliseconds(20)));
  RunOpenLoop(tuner, milliseconds(1), 3000);
  CHECK(tuner.linger() == milliseconds(16));
}

TEST_CASE("Rows are committed within the time that they may take") {
  BatchTuner tuner(Limits(100'000, milliseconds(20)));
  RunOpenLoop(tuner, milliseconds(3), 3000);
  CHECK(tuner.linger() == milliseconds(4));
  RunOpenLoop(tuner, milliseconds(9), 3000);
  CHECK(tuner.linger() <= milliseconds(1));
  RunOpenLoop(tuner, milliseconds(50), 3000);
  CHECK(tuner.linger() == Duration(0));
}

TEST_CASE("What was measured before a pause is not compared with what comes after it") {
  Table table{BatchTuner(Limits(100'000, milliseconds(20))),
              [](uint64_t rows) { return 0.1 + PerRow(rows); }};
  for (int i = 0; i < 500; ++i) {
    table.Flush();
    if (i % 4 == 0) table.now += std::chrono::seconds(1);
  }
  CHECK(table.tuner.rows_max() == 10'000);
}

}  // namespace batchsql
