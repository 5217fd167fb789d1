#pragma once

#include <memory>
#include <string>

#include "core/executor.h"

namespace batchsql {

struct SqliteOptions {
  std::string path;  // a file; made with mode 0600 when it does not exist
  // How long a statement waits for another connection's lock before it fails as kRetry.
  int busy_timeout_ms = 5'000;
};

// An executor on a SQLite file: WAL, synchronous=FULL, foreign keys on. Tables are named `name` or
// `main.name`. docs/types.md tables which declared types are taken and how values are stored.
std::unique_ptr<Executor> MakeSqliteExecutor(SqliteOptions options);

}  // namespace batchsql
