#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace batchsql::contract {

// The server that the tests are to use, as a URI with `parameters` (key=value&…) added. Throws when
// there is none: a missing server is a failure.
inline std::string PostgresTestDsn(const std::string& parameters = "") {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
  const char* dsn = std::getenv("BATCHSQL_TEST_POSTGRES_DSN");
  if (dsn == nullptr) throw std::runtime_error("BATCHSQL_TEST_POSTGRES_DSN is not set");
  std::string text = dsn;
  if (!text.starts_with("postgresql://")) {
    throw std::runtime_error("BATCHSQL_TEST_POSTGRES_DSN is no postgresql:// URI");
  }
  if (parameters.empty()) return text;
  return text + (text.find('?') == std::string::npos ? "?" : "&") + parameters;
}

// Where the executors are to connect: pgbouncer where the tests run through it, else the server.
inline std::string PostgresExecutorDsn(const std::string& parameters = "") {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as above.
  const char* bouncer = std::getenv("BATCHSQL_TEST_PGBOUNCER_DSN");
  if (bouncer == nullptr) return PostgresTestDsn(parameters);
  return bouncer + (parameters.empty() ? "" : "?" + parameters);
}

}  // namespace batchsql::contract
