#pragma once

#include <memory>
#include <string>

#include "tests/bench/workload_file.h"

namespace batchsql::bench {

// One connection that inserts rows into `events` one by one, each its own transaction. One thread
// at a time. Errors end the program with a message: there is nothing to go on with.
class DirectWriter {
 public:
  virtual ~DirectWriter() = default;
  virtual void Insert(const WorkloadRow& row) = 0;

  [[noreturn]] static void Fail(const char* message);
};

// `dsn` as libpq takes it.
std::unique_ptr<DirectWriter> ConnectPostgres(const std::string& dsn);
// mysql://user:password@host:port/database
std::unique_ptr<DirectWriter> ConnectMySql(const std::string& dsn);

}  // namespace batchsql::bench
