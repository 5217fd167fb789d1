// The loader that the daemon is compared with on PostgreSQL: one libpq connection, COPY BINARY,
// 10 000 rows a transaction; rows in memory before the clock starts. With --staged each transaction
// copies into a temporary table and upserts from there. Prints `rows=… seconds=…`.
// Usage: copy_loader [--staged] DSN CSV-FILE; the table `events` must exist.

#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/binary_copy.h"
#include "tests/bench/workload_file.h"

namespace batchsql::bench {
namespace {

constexpr size_t kRowsPerTransaction = 10'000;

// A COPY by itself is a transaction.
constexpr char kCopy[] = "COPY events FROM STDIN (FORMAT binary)";
constexpr char kMakeStage[] =
    "CREATE TEMP TABLE stage (LIKE events) ON COMMIT DELETE ROWS; "
    "PREPARE upsert AS INSERT INTO events SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET "
    "ts = EXCLUDED.ts, user_id = EXCLUDED.user_id, name = EXCLUDED.name, "
    "amount = EXCLUDED.amount, payload = EXCLUDED.payload";
constexpr char kCopyToStage[] = "BEGIN; COPY stage FROM STDIN (FORMAT binary)";
constexpr char kUpsert[] = "EXECUTE upsert; COMMIT";

void Check(bool good, PGconn* connection) {
  if (good) return;
  (void)std::fprintf(stderr, "copy_loader: %s\n", PQerrorMessage(connection));
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
}

void Execute(PGconn* connection, const char* sql, ExecStatusType expected) {
  PGresult* const result = PQexec(connection, sql);
  Check(PQresultStatus(result) == expected, connection);
  PQclear(result);
}

void Copy(PGconn* connection, const char* sql, const std::string& stream) {
  Execute(connection, sql, PGRES_COPY_IN);
  Check(PQputCopyData(connection, stream.data(), static_cast<int>(stream.size())) == 1, connection);
  Check(PQputCopyEnd(connection, nullptr) == 1, connection);
  while (PGresult* const result = PQgetResult(connection)) {
    Check(PQresultStatus(result) == PGRES_COMMAND_OK, connection);
    PQclear(result);
  }
}

void Load(PGconn* connection, const std::vector<WorkloadRow>& rows, bool staged) {
  std::string stream;
  for (size_t begin = 0; begin < rows.size(); begin += kRowsPerTransaction) {
    stream.clear();
    AppendBinaryCopy(absl::MakeConstSpan(rows).subspan(begin, kRowsPerTransaction), &stream);
    Copy(connection, staged ? kCopyToStage : kCopy, stream);
    if (staged) Execute(connection, kUpsert, PGRES_COMMAND_OK);
  }
}

int Main(int argc, char** argv) {
  const bool staged = argc == 4 && std::strcmp(argv[1], "--staged") == 0;
  if (argc != 3 && !staged) return 2;
  const std::vector<WorkloadRow> rows = ReadWorkloadFile(argv[argc - 1]);
  PGconn* const connection = PQconnectdb(argv[argc - 2]);
  Check(PQstatus(connection) == CONNECTION_OK, connection);
  if (staged) Execute(connection, kMakeStage, PGRES_COMMAND_OK);
  const auto begun = std::chrono::steady_clock::now();
  Load(connection, rows, staged);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  PQfinish(connection);
  (void)std::printf("rows=%zu seconds=%.3f\n", rows.size(), seconds.count());
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
