#include "config/listen.h"

#include <catch2/catch.hpp>

namespace batchsql {
namespace {

TEST_CASE("Listen addresses parse and print the same") {
  for (const std::string text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:65535", "[::]:1",
                                 "localhost:50051", "db-1.example.org:80"}) {
    CAPTURE(text);
    CHECK(ParseListenAddress(text).value().ToString() == text);
  }
  CHECK(ParseListenAddress("[::1]:9").value() == ListenAddress{"::1", 9});
}

TEST_CASE("Listen addresses that are none are refused") {
  for (const std::string text : {"",
                                 "8080",
                                 ":8080",
                                 "127.0.0.1",
                                 "127.0.0.1:",
                                 "127.0.0.1:65536",
                                 "127.0.0.1:-1",
                                 "127.0.0.1:+1",
                                 "127.0.0.1: 1",
                                 "127.0.0.1:8080x",
                                 "127.0.0.300:1",
                                 "127.1:1",
                                 "1:1",
                                 "::1:8080",
                                 "[::1]",
                                 "[::1]8080",
                                 "[]:1",
                                 "[localhost]:1",
                                 "a b:1",
                                 "http://x:1",
                                 "*:1",
                                 "[::1:8080",
                                 "unix:/run/x:1"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseListenAddress(text).ok());
  }
}

TEST_CASE("Loopback addresses are known") {
  for (const std::string text : {"127.0.0.1:1", "127.255.255.254:1", "[::1]:1", "localhost:1"}) {
    CAPTURE(text);
    CHECK(ParseListenAddress(text).value().IsLoopback());
  }
  for (const std::string text : {"0.0.0.0:1", "[::]:1", "128.0.0.1:1", "localhost.evil.org:1",
                                 "127.0.0.1.evil.org:1", "[::2]:1"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseListenAddress(text).value().IsLoopback());
  }
}

TEST_CASE("An address may be every one of the machine") {
  for (const char* host : {"0.0.0.0", "::", "0::0"}) CHECK(ListenAddress{host, 1}.IsAny());
  for (const char* host : {"127.0.0.1", "::1", "localhost", "h"}) {
    CHECK_FALSE(ListenAddress{host, 1}.IsAny());
  }
}

}  // namespace
}  // namespace batchsql
