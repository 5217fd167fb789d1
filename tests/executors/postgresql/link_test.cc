#include "executors/postgresql/link.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "executors/postgresql/errors.h"
#include "executors/postgresql/postgresql_executor.h"

namespace batchsql::postgresql {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("A DSN without limits gets them") {
  const auto text = ConnectionString("host=h user='o''x'", 1'500);
  REQUIRE_FALSE(text.ok());  // libpq escapes a quote with a backslash, not by doubling it
  const auto right = ConnectionString("host=h user=o\\'x", 1'500);
  REQUIRE(right.ok());
  CHECK(Has(*right, "user='o\\'x'"));
  for (const char* part :
       {"connect_timeout='2'", "keepalives='1'", "keepalives_idle='30'", "tcp_user_timeout='30000'",
        "client_encoding='UTF8'", "fallback_application_name='batchsqld'"}) {
    INFO(part);
    CHECK(Has(*right, part));
  }
}

TEST_CASE("What the DSN says stands, but for the encoding") {
  const auto text = ConnectionString(
      "postgresql://u@h/"
      "d?connect_timeout=3&keepalives_idle=5&sslmode=verify-full&client_encoding=LATIN1",
      1'000);
  REQUIRE(text.ok());
  for (const char* part : {"connect_timeout='3'", "keepalives_idle='5'", "sslmode='verify-full'",
                           "client_encoding='UTF8'"}) {
    INFO(part);
    CHECK(Has(*text, part));
  }
  CHECK_FALSE(Has(*text, "LATIN1"));
  CHECK_FALSE(Has(*text, "keepalives_idle='30'"));
}

TEST_CASE("A DSN that cannot be read is not quoted in the error") {
  const auto text = ConnectionString("password=geheim nonsense", 1'000);
  REQUIRE(text.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(Has(text.status().ToString(), "geheim"));
  CHECK_FALSE(Has(text.status().ToString(), "nonsense"));
  const auto executor = MakePostgresExecutor({.dsn = "password=geheim nonsense"});
  const absl::Status status = executor->ReadSlots({}).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK_FALSE(Has(status.ToString(), "geheim"));
}

TEST_CASE("The SQLSTATE of a refused connection is found in the message, in any language") {
  CHECK(SqlStateInConnectError(
            "connection to server at \"h\" (::1), port 5432 failed: FATAL:  28P01: "
            "password authentication failed for user \"u\"") == "28P01");
  CHECK(SqlStateInConnectError("Verbindung: SCHWERWIEGEND:  3D000: Datenbank gibt es nicht") ==
        "3D000");
  CHECK(SqlStateInConnectError("connection to server at \"h\", port 1 failed: Connection refused")
            .empty());
  CHECK(SqlStateInConnectError("x:  28P0").empty());
  CHECK(SqlStateInConnectError("").empty());
}

// A TCP port that takes connections and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(socket_, 1) == 0);
    socklen_t size = sizeof(address);
    REQUIRE(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(socket_); }
  int port() const { return port_; }

 private:
  int socket_;
  int port_ = 0;
};

TEST_CASE("A server that never answers is given up in time") {
  const SilentServer server;
  PostgresOptions options;
  options.dsn =
      "host=127.0.0.1 sslmode=disable user=u dbname=d port=" + std::to_string(server.port());
  options.connect_timeout_ms = 1'000;
  const auto executor = MakePostgresExecutor(options);
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = executor->Describe({"", "t"}, WriteRule()).status();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK_FALSE(executor->connected());
}

}  // namespace
}  // namespace batchsql::postgresql
