// What an application does without the daemon: several connections, each inserting one row a
// transaction. Rows in memory and connections open before the clock starts. Prints
// `rows=… seconds=… p50_ms=… p99_ms=…`; the latencies are those of one INSERT and its commit.
// Usage: direct_writers [--connections N] DSN CSV-FILE; the table `events` must exist.

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/direct_writer.h"
#include "tests/bench/percentile.h"
#include "tests/bench/workload_file.h"

namespace batchsql::bench {

void DirectWriter::Fail(const char* message) {
  (void)std::fprintf(stderr, "direct_writers: %s\n", message);
  std::_Exit(1);  // other threads are at work: no destructor may run
}

namespace {

using Clock = std::chrono::steady_clock;

// The rows are taken one by one by whichever connection is free.
std::vector<double> InsertAll(DirectWriter& writer, const std::vector<WorkloadRow>& rows,
                              std::atomic<size_t>& next) {
  std::vector<double> latencies;
  for (size_t row = next++; row < rows.size(); row = next++) {
    const Clock::time_point begun = Clock::now();
    writer.Insert(rows[row]);
    latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
  }
  return latencies;
}

int Main(int argc, char** argv) {
  size_t connections = 64;
  std::string dsn;
  std::string file;
  CLI::App app("inserts a workload file row by row");
  app.add_option("--connections", connections)->check(CLI::PositiveNumber);
  app.add_option("dsn", dsn)->required();
  app.add_option("file", file)->required();
  CLI11_PARSE(app, argc, argv);

  const std::vector<WorkloadRow> rows = ReadWorkloadFile(file);
  const bool is_postgres = dsn.rfind("postgresql:", 0) == 0;
  std::vector<std::unique_ptr<DirectWriter>> writers;
  for (size_t i = 0; i < connections; ++i) {
    writers.push_back(is_postgres ? ConnectPostgres(dsn) : ConnectMySql(dsn));
  }
  std::vector<std::vector<double>> latencies(connections);
  std::vector<std::thread> threads;
  std::atomic<size_t> next = 0;
  const Clock::time_point begun = Clock::now();
  for (size_t i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] { latencies[i] = InsertAll(*writers[i], rows, next); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> seconds = Clock::now() - begun;
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  (void)std::printf("rows=%zu seconds=%.3f p50_ms=%.3f p99_ms=%.3f\n", rows.size(), seconds.count(),
                    Percentile(all, 0.5), Percentile(all, 0.99));
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
