#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/executor.h"

struct pg_conn;  // libpq's PGconn

namespace batchsql::postgresql {

// The DSN as libpq gets it. Added where the DSN (and, for the names, the environment) says nothing:
// connect_timeout, TCP keepalives, tcp_user_timeout, fallback_application_name. client_encoding is
// UTF8 whatever it says. INVALID_ARGUMENT when libpq cannot read it; the error never quotes the
// DSN, which may hold a password.
absl::StatusOr<std::string> ConnectionString(const std::string& dsn, int64_t connect_timeout_ms);

// While connecting, libpq gives the SQLSTATE inside the error's text only, at verbosity "verbose"
// in the fixed form `FATAL:  28P01: …` (its first word in the server's language). Empty: none
// there.
std::string_view SqlStateInConnectError(std::string_view message);

// The connection as libpqxx sees it, from opening to closing; never re-opened. One thread at a
// time.
class Link {
 public:
  // Waits connect_timeout, which ConnectionString has set.
  static DatabaseError Open(const std::string& connection_string, std::unique_ptr<Link>* opened);
  ~Link();

  // libpq's handle of the same connection; the Link keeps it.
  pg_conn* handle() const;

 private:
  class Pqxx;
  explicit Link(std::unique_ptr<Pqxx> pqxx);
  std::unique_ptr<Pqxx> pqxx_;
};

}  // namespace batchsql::postgresql
