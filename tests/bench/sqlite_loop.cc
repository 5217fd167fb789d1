// The loop that the daemon is compared with on SQLite: one process, one prepared INSERT, 10 000
// rows a transaction, WAL, synchronous=FULL; rows in memory before the clock starts. Prints `rows=…
// seconds=…`. Usage: sqlite_loop DATABASE CSV-FILE; the table `events` must exist.

#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/bench/workload_file.h"

namespace batchsql::bench {
namespace {

constexpr size_t kRowsPerTransaction = 10'000;

void Check(bool good, sqlite3* database) {
  if (good) return;
  (void)std::fprintf(stderr, "sqlite_loop: %s\n", sqlite3_errmsg(database));
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
}

void Execute(sqlite3* database, const char* sql) {
  Check(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK, database);
}

void Insert(sqlite3* database, sqlite3_stmt* statement, const WorkloadRow& row) {
  sqlite3_bind_int64(statement, 1, row.id);
  sqlite3_bind_text(statement, 2, row.ts.data(), static_cast<int>(row.ts.size()), SQLITE_STATIC);
  sqlite3_bind_int(statement, 3, row.user_id);
  sqlite3_bind_text(statement, 4, row.name.data(), static_cast<int>(row.name.size()),
                    SQLITE_STATIC);
  sqlite3_bind_double(statement, 5, row.amount);
  sqlite3_bind_text(statement, 6, row.payload.data(), static_cast<int>(row.payload.size()),
                    SQLITE_STATIC);
  Check(sqlite3_step(statement) == SQLITE_DONE, database);
  sqlite3_reset(statement);
}

int Main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::vector<WorkloadRow> rows = ReadWorkloadFile(argv[2]);
  sqlite3* database = nullptr;
  Check(sqlite3_open(argv[1], &database) == SQLITE_OK, database);
  Execute(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v2(database, "INSERT INTO events VALUES (?,?,?,?,?,?)", -1, &statement,
                           nullptr) == SQLITE_OK,
        database);
  const auto begun = std::chrono::steady_clock::now();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i % kRowsPerTransaction == 0) Execute(database, "BEGIN IMMEDIATE");
    Insert(database, statement, rows[i]);
    if ((i + 1) % kRowsPerTransaction == 0 || i + 1 == rows.size()) Execute(database, "COMMIT");
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  sqlite3_finalize(statement);
  sqlite3_close(database);
  (void)std::printf("rows=%zu seconds=%.3f\n", rows.size(), seconds.count());
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
