#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_server.h"

namespace batchsql {
namespace {

TEST_CASE("HTTP refuses bodies past the limit and names it") {
  TestServer server;
  const std::string message = "the body is larger than limits.request_bytes_max (1000)";
  SECTION("by their length, before they are sent") {
    HttpClient client(server.port());
    const ClientResponse response = client.Exchange(
        "POST /v1/tables/t/rows HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Content-Length: 1001\r\n\r\n");
    CHECK(response.status == 413);
    CHECK(response.body == ErrorBody("RESOURCE_EXHAUSTED", message));
    CHECK(response.headers.at("connection") == "close");
  }
  SECTION("when the client sends all of it before it listens") {
    HttpClient client(server.port());
    REQUIRE(client.Send(Post(kRows, std::string(8 << 20, ' '))));
    const ClientResponse response = client.Receive();
    CHECK(response.status == 413);
    CHECK(client.AtEnd());
  }
  SECTION("in chunks") {
    HttpClient client(server.port());
    std::string request =
        "POST /v1/tables/t/rows HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 1001; ++i) request += "1\r\n \r\n";
    const ClientResponse response = client.Exchange(request + "0\r\n\r\n");
    CHECK(response.status == 413);
    CHECK(response.body == ErrorBody("RESOURCE_EXHAUSTED", message));
  }
  CHECK(server.requests.empty());
  CHECK(HttpClient(server.port()).Exchange(Post(kRows, std::string(1000, ' '))).status == 200);
}

TEST_CASE("HTTP limits the size of a request's head") {
  HttpServerOptions options;
  options.header_bytes_max = 2048;
  TestServer server(options);
  HttpClient client(server.port());
  const ClientResponse response = client.Exchange(
      absl::StrCat("GET /healthz HTTP/1.1\r\nX: ", std::string(4096, 'x'), "\r\n\r\n"));
  CHECK(response.status == 400);
  CHECK_THAT(response.body, Catch::Contains("limits.http_header_bytes_max (2048)"));
  CHECK(client.AtEnd());
}

// Sends a byte each 20 ms until the server answers or closes.
ClientResponse Drip(HttpClient& client, char byte) {
  for (int i = 0; i < 500 && !client.WaitReadable(20); ++i) {
    if (!client.Send(std::string(1, byte))) break;
  }
  REQUIRE(client.WaitReadable(0));
  return client.Receive();
}

TEST_CASE("HTTP ends a head that comes byte by byte") {
  HttpServerOptions options;
  options.header_ms_max = 300;
  TestServer server(options);
  HttpClient client(server.port());
  client.Send("GET /healthz HTTP/1.1\r\nX: ");
  const ClientResponse response = Drip(client, 'x');
  CHECK(response.status == 400);
  CHECK_THAT(response.body, Catch::Contains("limits.http_header_ms_max (300)"));
}

TEST_CASE("HTTP ends a body that comes byte by byte") {
  HttpServerOptions options;
  options.body_ms_max = 300;
  TestServer server(options);
  const std::string head =
      "POST /v1/tables/t/rows HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
  SECTION("with a length") {
    HttpClient client(server.port());
    client.Send(head + "Content-Length: 1000\r\n\r\n");
    const ClientResponse response = Drip(client, ' ');
    CHECK(response.status == 408);
    CHECK(response.body == ErrorBody("DEADLINE_EXCEEDED",
                                     "the body took longer than limits.http_body_ms_max (300)"));
  }
  SECTION("in chunks") {
    HttpClient client(server.port());
    client.Send(head + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n");
    CHECK(Drip(client, ' ').status == 408);
  }
  SECTION("or not at all") {
    HttpClient client(server.port());
    CHECK(client.Exchange(head + "Content-Length: 10\r\n\r\n").status == 408);
  }
  CHECK(server.requests.empty());
}

TEST_CASE("HTTP ends an answer that nobody reads") {
  HttpServerOptions options;
  options.answer_ms_max = 300;
  WriteAnswer answer;
  for (uint32_t i = 0; i < 50'000; ++i) {
    answer.rejected.push_back({i, "field", RejectReason::kWrongType, std::string(200, 'd')});
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool answered = false;
  options.observer = [&](std::string_view, int, uint64_t) {
    const std::lock_guard<std::mutex> lock(mutex);
    answered = true;
    changed.notify_all();
  };
  TestServer server(options, [&](const RowsRequest&) { return answer; });
  HttpClient client(server.port());
  client.Send(Post(kRows, "{}"));
  std::unique_lock<std::mutex> lock(mutex);
  CHECK(changed.wait_for(lock, std::chrono::seconds(5), [&] { return answered; }));
}

TEST_CASE("HTTP closes a connection that stays idle") {
  HttpServerOptions options;
  options.idle_ms_max = 100;
  TestServer server(options);
  HttpClient client(server.port());
  CHECK(client.Exchange(Get("/healthz")).status == 200);
  CHECK(client.AtEnd());
}

TEST_CASE("HTTP notices a client that goes away in the middle of a body") {
  TestServer server;
  { HttpClient(server.port()).Send(Post(kRows, std::string(500, ' ')).substr(0, 300)); }
  CHECK(HttpClient(server.port()).Exchange(Post(kRows, "{}")).status == 200);
  CHECK(server.requests.size() == 1);
}

TEST_CASE("HTTP answers probes while all writes wait") {
  HttpServerOptions options;
  options.body_requests_max = 2;
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool go = false;
  TestServer server(options, [&](const RowsRequest&) -> absl::StatusOr<WriteAnswer> {
    std::unique_lock<std::mutex> lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [&] { return go; });
    return WriteAnswer{1, {}};
  });
  HttpClient first(server.port());
  HttpClient second(server.port());
  first.Send(Post(kRows, "{}"));
  second.Send(Post(kRows, "{}"));
  {
    std::unique_lock<std::mutex> lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(10), [&] { return waiting == 2; }));
  }
  const ClientResponse refused = HttpClient(server.port()).Exchange(Post(kRows, "{}"));
  CHECK(refused.status == 429);
  CHECK(refused.headers.count("retry-after") == 1);
  CHECK_THAT(refused.body, Catch::Contains("limits.http_requests_max (2)"));
  CHECK(HttpClient(server.port()).Exchange(Get("/healthz")).status == 200);
  {
    const std::lock_guard<std::mutex> lock(mutex);
    go = true;
    changed.notify_all();
  }
  CHECK(first.Receive().status == 200);
  CHECK(second.Receive().status == 200);
  CHECK(HttpClient(server.port()).Exchange(Post(kRows, "{}")).status == 200);
}

}  // namespace
}  // namespace batchsql
