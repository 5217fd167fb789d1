#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/executor.h"

namespace batchsql {

struct PostgresOptions {
  // As libpq takes it: `key=value …` or postgresql://…; sslmode, target_session_attrs and the like
  // go here. What it leaves out is set so that no wait lasts for ever: see ConnectionString.
  std::string dsn;
  // Until the connection is open; connect_timeout in the DSN wins.
  int64_t connect_timeout_ms = 10'000;
  // One statement on the server (SET LOCAL statement_timeout). The client gives the server a little
  // longer to say so, then drops the connection.
  int64_t statement_timeout_ms = 60'000;
  // Rows of one group with at most so many cells go as arrays (UNNEST) instead of through a staging
  // table, whose making costs most where rows are few; docs/performance.md has the figures.
  uint32_t unnest_cells_max = 40'000;
};

// Writes to PostgreSQL 12 or later, directly or through pgbouncer in transaction mode. The role
// needs SELECT and INSERT on the table, UPDATE for kUpdate and kReplace, TEMPORARY on the database
// for every strategy but kInsert; docs/watermark.md says what the tables of our own need. Opens no
// connection yet.
std::unique_ptr<Executor> MakePostgresExecutor(PostgresOptions options);

}  // namespace batchsql
