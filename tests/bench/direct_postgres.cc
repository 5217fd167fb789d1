#include <libpq-fe.h>

#include <bit>
#include <string>

#include "tests/bench/binary_copy.h"
#include "tests/bench/direct_writer.h"

namespace batchsql::bench {
namespace {

constexpr int kColumns = 6;

uint64_t BigEndian(uint64_t value) { return __builtin_bswap64(value); }

class PostgresWriter : public DirectWriter {
 public:
  explicit PostgresWriter(const std::string& dsn) : connection_(PQconnectdb(dsn.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) Fail(PQerrorMessage(connection_));
    PGresult* const result =
        PQprepare(connection_, "one", "INSERT INTO events VALUES ($1, $2, $3, $4, $5, $6)",
                  kColumns, nullptr);
    Check(result);
  }
  ~PostgresWriter() override { PQfinish(connection_); }
  PostgresWriter(const PostgresWriter&) = delete;
  PostgresWriter& operator=(const PostgresWriter&) = delete;

  void Insert(const WorkloadRow& row) override {
    static constexpr int kBinary[kColumns] = {1, 1, 1, 1, 1, 1};
    const uint64_t id = BigEndian(static_cast<uint64_t>(row.id));
    const uint64_t ts = BigEndian(static_cast<uint64_t>(PostgresMicros(row)));
    const uint32_t user = __builtin_bswap32(static_cast<uint32_t>(row.user_id));
    const uint64_t amount = BigEndian(std::bit_cast<uint64_t>(row.amount));
    const char* const values[kColumns] = {
        reinterpret_cast<const char*>(&id),     reinterpret_cast<const char*>(&ts),
        reinterpret_cast<const char*>(&user),   row.name.data(),
        reinterpret_cast<const char*>(&amount), row.payload.data()};
    const int lengths[kColumns] = {
        8, 8, 4, static_cast<int>(row.name.size()), 8, static_cast<int>(row.payload.size())};
    Check(PQexecPrepared(connection_, "one", kColumns, values, lengths, kBinary, 1));
  }

 private:
  void Check(PGresult* result) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) Fail(PQerrorMessage(connection_));
    PQclear(result);
  }

  PGconn* const connection_;
};

}  // namespace

std::unique_ptr<DirectWriter> ConnectPostgres(const std::string& dsn) {
  return std::make_unique<PostgresWriter>(dsn);
}

}  // namespace batchsql::bench
