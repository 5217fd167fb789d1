#include "executors/mysql/dsn.h"

#include <catch2/catch.hpp>
#include <string>

namespace batchsql {
namespace {

using Tls = MySqlAddress::Tls;

MySqlAddress Parsed(const std::string& dsn) {
  const absl::StatusOr<MySqlAddress> address = ParseMySqlDsn(dsn);
  INFO(address.status().ToString());
  REQUIRE(address.ok());
  return *address;
}

TEST_CASE("A DSN's parts are percent-decoded") {
  const MySqlAddress address = Parsed("mysql://us%40er:p%3Aw%2F%25@db.example:3307/my%20db");
  CHECK(address.user == "us@er");
  CHECK(address.password == "p:w/%");
  CHECK(address.host == "db.example");
  CHECK(address.port == 3307);
  CHECK(address.database == "my db");
  CHECK(address.tls == Tls::kDisabled);
}

TEST_CASE("What a DSN leaves out has a default") {
  const MySqlAddress address = Parsed("mysql://root@/shop");
  CHECK(address.user == "root");
  CHECK(address.password.empty());
  CHECK(address.host == "127.0.0.1");
  CHECK(address.port == 3306);
  CHECK(Parsed("mysql:///shop").user.empty());
  CHECK(Parsed("mariadb://h/shop").host == "h");
}

TEST_CASE("A password may hold an @ and a colon as they are") {
  const MySqlAddress address = Parsed("mysql://u:a@b:c@h/shop");
  CHECK(address.password == "a@b:c");
  CHECK(address.host == "h");
}

TEST_CASE("An IPv6 address stands in brackets") {
  const MySqlAddress address = Parsed("mysql://u@[::1]:3307/shop");
  CHECK(address.host == "::1");
  CHECK(address.port == 3307);
}

TEST_CASE("A certificate authority means that the certificate is checked") {
  const MySqlAddress address = Parsed("mysql://u@h/shop?ssl_ca=/etc/ca%20x.pem&socket=/run/m.sock");
  CHECK(address.ssl_ca == "/etc/ca x.pem");
  CHECK(address.socket == "/run/m.sock");
  CHECK(address.tls == Tls::kVerifyFull);
  CHECK(Parsed("mysql://u@h/shop?ssl_ca=x&ssl_mode=required").tls == Tls::kRequired);
  CHECK(Parsed("mysql://u@h/shop?ssl_ca=x&ssl_mode=verify-full").tls == Tls::kVerifyFull);
  CHECK(Parsed("mysql://u@h/shop?ssl_mode=disabled").tls == Tls::kDisabled);
}

TEST_CASE("A bad DSN is refused without showing its password") {
  for (const char* dsn :
       {"", "secret", "postgresql://u:secret@h/d", "mysql://u:secret@h", "mysql://u:secret@h/",
        "mysql://u:secret@h:0/d", "mysql://u:secret@h:99999/d", "mysql://u:secret@h:x/d",
        "mysql://u:secret%@h/d", "mysql://u:secret%zz@h/d", "mysql://u:secret%00@h/d",
        "mysql://u:secret@[::1/d", "mysql://u:secret@h/d?secret=1", "mysql://u:secret@h/d?ssl_ca",
        "mysql://u:secret@h/d?ssl_mode=secret", "mysql://u:secret@h/d?ssl_mode=preferred",
        "mysql://u:sec#secret@h/d"}) {
    INFO(dsn);
    const absl::StatusOr<MySqlAddress> address = ParseMySqlDsn(dsn);
    REQUIRE(address.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(address.status().ToString().find("secret") == std::string::npos);
  }
}

TEST_CASE("The text of an address holds neither user nor password") {
  CHECK(Parsed("mysql://me:secret@h:1/d").ToString() == "h:1/d");
  CHECK(Parsed("mysql://me:secret@h:1/d?socket=/s").ToString() == "/s/d");
}

}  // namespace
}  // namespace batchsql
