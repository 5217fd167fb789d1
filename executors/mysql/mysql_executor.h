#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/executor.h"

namespace batchsql {

struct MySqlOptions {
  // mysql://user:password@host:port/database?ssl_ca=…; see executors/mysql/dsn.h.
  std::string dsn;
  int connect_timeout_s = 10;
  // One packet. Longer than the server's default wait for a row lock, 50 s, so that the server's
  // answer comes first.
  int read_timeout_s = 120;
  int write_timeout_s = 120;
  // Where the server takes arrays of parameters (MariaDB), write with them.
  bool array_binding = true;
};

// Writes to MySQL 5.7 and later and to MariaDB 10.3 and later over Connector/C++, with SQL that
// both understand; to a server that takes arrays of parameters over libmariadb. Nothing is sent
// before the first call; a DSN that cannot be parsed is told by every call.
std::unique_ptr<Executor> MakeMySqlExecutor(MySqlOptions options);

}  // namespace batchsql
