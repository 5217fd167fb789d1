// The loader that the daemon is compared with on PostgreSQL: COPY BINARY by libpq, 10 000 rows a
// transaction; rows in memory and connections open before the clock starts. With --staged each
// transaction copies into a temporary table and upserts from there; with --connections, several
// take the transactions in turn. Prints `rows=… seconds=…`. The table `events` must exist.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/binary_copy.h"
#include "tests/bench/copy_connection.h"
#include "tests/bench/workload_file.h"

namespace batchsql::bench {
namespace {

constexpr size_t kRowsPerTransaction = 10'000;

constexpr char kMakeStage[] =
    "CREATE TEMP TABLE stage (LIKE events) ON COMMIT DELETE ROWS; "
    "PREPARE upsert AS INSERT INTO events SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET "
    "ts = EXCLUDED.ts, user_id = EXCLUDED.user_id, name = EXCLUDED.name, "
    "amount = EXCLUDED.amount, payload = EXCLUDED.payload";
constexpr char kCopyToStage[] = "BEGIN; COPY stage FROM STDIN (FORMAT binary)";
constexpr char kUpsert[] = "EXECUTE upsert; COMMIT";

// Every `of`th transaction, from number `first` on.
void Load(CopyConnection& connection, absl::Span<const WorkloadRow> rows, bool staged, size_t first,
          size_t of) {
  std::string stream;
  for (size_t begin = first * kRowsPerTransaction; begin < rows.size();
       begin += of * kRowsPerTransaction) {
    stream.clear();
    AppendBinaryCopy(rows.subspan(begin, kRowsPerTransaction), &stream);
    connection.Copy(staged ? kCopyToStage : kCopyRows, stream);
    if (staged) connection.Run(kUpsert);
  }
}

int Main(int argc, char** argv) {
  bool staged = false;
  size_t count = 1;
  std::string dsn;
  std::string file;
  CLI::App app("loads a workload file with COPY BINARY");
  app.add_flag("--staged", staged);
  app.add_option("--connections", count)->check(CLI::PositiveNumber);
  app.add_option("dsn", dsn)->required();
  app.add_option("file", file)->required();
  CLI11_PARSE(app, argc, argv);

  const std::vector<WorkloadRow> rows = ReadWorkloadFile(file);
  std::vector<std::unique_ptr<CopyConnection>> connections;
  for (size_t i = 0; i < count; ++i) {
    connections.push_back(std::make_unique<CopyConnection>(dsn));
    if (staged) connections.back()->Run(kMakeStage);
  }
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] { Load(*connections[i], rows, staged, i, count); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  (void)std::printf("rows=%zu seconds=%.3f\n", rows.size(), seconds.count());
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
