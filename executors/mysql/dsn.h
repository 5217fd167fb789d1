#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace batchsql {

// Where a MySQL or MariaDB server is and how to log in: the parts of a DSN, percent-decoded.
struct MySqlAddress {
  std::string user;
  std::string password;
  std::string host = "127.0.0.1";
  uint16_t port = 3306;
  std::string socket;  // if set, host and port are not used
  std::string database;

  enum class Tls : uint8_t {
    kDisabled,
    kRequired,    // encrypted, the certificate is not checked
    kVerifyFull,  // certificate and host name are checked
  };
  Tls tls = Tls::kDisabled;
  std::string ssl_ca;
  std::string ssl_capath;
  std::string ssl_cert;
  std::string ssl_key;

  // host:port/database or the socket, never the user or the password; for logs.
  std::string ToString() const;
};

// mysql://user:password@host:port/database?key=value&…, also mariadb://. The host may be an IPv6
// address in brackets. Keys: socket, ssl_ca, ssl_capath, ssl_cert, ssl_key, ssl_mode (disabled,
// required, verify-full; without it, ssl_ca or ssl_capath mean verify-full, else disabled).
// INVALID_ARGUMENT says what is wrong and never shows the DSN.
absl::StatusOr<MySqlAddress> ParseMySqlDsn(std::string_view dsn);

}  // namespace batchsql
