#include "config/describe.h"

#include <catch2/catch.hpp>

#include "config/loader.h"
#include "tests/config/test_variables.h"

namespace batchsql {
namespace {

TEST_CASE("The defaults are described") {
  CHECK(Describe(DefaultOptions()) ==
        "data directory: ./batchsql-data\n"
        "gRPC: 127.0.0.1:50051\n"
        "HTTP: 127.0.0.1:8080\n"
        "targets:\n"
        "  sqlite: SQLite, ./batchsql-data/batchsql.db, at most 8 connections\n"
        "tables:\n"
        "  every table, in sqlite:\n"
        "    rows are inserted; one that exists already is an error\n"
        "    a missing table is made from its first rows; unknown columns are added\n"
        "    rows are journaled before they are acknowledged\n"
        "    a batch closes at up to 100000 rows, 8 MiB or up to 20 ms\n"
        "limits: 256 MiB of rows in memory; a request has 100000 rows, 16 MiB and 1600 columns; a "
        "row 4 MiB; JSON nests 64 levels; 1000 tables; 10 GiB of journals, 1 GiB of dead letters\n"
        "metrics: test_name=default\n"
        "shutdown: flushes for at most 10000 ms\n"
        "log: info\n");
}

TEST_CASE("Rules and warnings are described, and secrets are not") {
  const absl::StatusOr<Options> options = ParseText(R"(
http: {listen: '0.0.0.0:80'}
targets:
  - {name: a, kind: postgresql, dsn: 'postgresql://u:${SECRET}@h/d', connections_max: 1}
  - {name: b, kind: postgresql, dsn: 'host=h password=${SECRET}'}
  - {name: c, kind: mysql, dsn: 'mysql://u:${SECRET}@h/d'}
tables:
  - {name: t, target: a, conflict: update, key: [k, l], update: [v, w], batch: {bytes_max: 1025}}
  - {name: t, target: c, conflict: replace, any_unique_key: true}
  - {name: u, target: b, conflict: ignore, key: [k], create: missing}
  - {name: v, target: b, conflict: update, delivery: at_least_once}
  - {name: '*', target: b, evolve: add_columns}
monitoring: {environment: prod}
)",
                                                    "f", TestVariables({{"SECRET", "hunter2"}}));
  REQUIRE(options.ok());
  const std::string text = Describe(*options);
  CHECK(text.find("hunter2") == std::string::npos);
  for (
      const std::string part :
      {"  a: PostgreSQL, postgresql://u:***@h/d, at most 1 connection\n",
       "  b: PostgreSQL, host=h password=***, at most 8 connections\n",
       "  c: MySQL or MariaDB, mysql://u:***@h/d, at most 8 connections\n",
       "  t, in a:\n    clients must call it a/t\n    rows are inserted; one whose (k, l) exists "
       "updates v, w\n    a missing table is an error; an unknown column is an error\n    rows are "
       "journaled before they are acknowledged\n    a batch closes at up to 100000 rows, 1025 "
       "bytes or up to 20 ms\n",
       "  t, in c:\n    clients must call it c/t\n    rows are inserted; one whose the primary key "
       "exists replaces it; so does a conflict with any other unique key\n",
       "  u, in b:\n    rows are inserted; one whose (k) exists is ignored\n    a missing table is "
       "made from its first rows with the primary key (k); an unknown column is an error\n",
       "  v, in b:\n    rows are inserted; one whose the primary key exists updates the columns "
       "that were sent\n    a missing table is an error; an unknown column is an error\n    rows "
       "are "
       "journaled before they are acknowledged\n    a table that cannot be written exactly once is "
       "written at least once\n",
       "  every other table, in b:\n", "unknown columns are added\n",
       "metrics: test_name=default env=prod\n",
       "warning: http.listen: 0.0.0.0:80 can be reached from other machines"}) {
    CAPTURE(text, part);
    CHECK(text.find(part) != std::string::npos);
  }
}

}  // namespace
}  // namespace batchsql
