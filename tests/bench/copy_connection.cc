#include "tests/bench/copy_connection.h"

#include <cstdio>
#include <cstdlib>

namespace batchsql::bench {

CopyConnection::CopyConnection(const std::string& dsn) : connection_(PQconnectdb(dsn.c_str())) {
  Check(PQstatus(connection_) == CONNECTION_OK);
}

CopyConnection::~CopyConnection() { PQfinish(connection_); }

void CopyConnection::Check(bool good) {
  if (good) return;
  (void)std::fprintf(stderr, "PostgreSQL: %s\n", PQerrorMessage(connection_));
  std::_Exit(1);  // other threads may be at work: no destructor may run
}

void CopyConnection::Execute(const char* sql, ExecStatusType expected) {
  PGresult* const result = PQexec(connection_, sql);
  Check(PQresultStatus(result) == expected);
  PQclear(result);
}

void CopyConnection::Run(const char* sql) { Execute(sql, PGRES_COMMAND_OK); }

void CopyConnection::Copy(const char* sql, const std::string& stream) {
  Execute(sql, PGRES_COPY_IN);
  Check(PQputCopyData(connection_, stream.data(), static_cast<int>(stream.size())) == 1);
  Check(PQputCopyEnd(connection_, nullptr) == 1);
  while (PGresult* const result = PQgetResult(connection_)) {
    Check(PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
  }
}

}  // namespace batchsql::bench
