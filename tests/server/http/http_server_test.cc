#include "server/http/http_server.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_server.h"

namespace batchsql {
namespace {

TEST_CASE("HTTP answers the probes") {
  TestServer server;
  HttpClient client(server.port());
  const ClientResponse metrics = client.Exchange(Get("/metrics"));
  CHECK(metrics.status == 200);
  CHECK(metrics.headers.at("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(metrics.body == "# TYPE up gauge\nup 1\n");
  CHECK(client.Exchange(Get("/healthz")).body == "ok\n");
  CHECK(client.Exchange(Get("/readyz")).status == 200);
  CHECK(client.Exchange(Get("/readyz?probe=1")).status == 200);
}

TEST_CASE("HTTP answers carry the daemon's time") {
  CHECK(HttpDate(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  TestServer server;
  const ClientResponse response = HttpClient(server.port()).Exchange(Get("/healthz"));
  CHECK(response.headers.at("date").size() == HttpDate(0).size());
}

TEST_CASE("HTTP tells why the daemon is not ready") {
  TestServer server;
  server.readiness = absl::UnavailableError("draining");
  HttpClient client(server.port());
  const ClientResponse response = client.Exchange(Get("/readyz"));
  CHECK(response.status == 503);
  CHECK(response.body == "draining\n");
  CHECK(client.Exchange(Get("/healthz")).status == 200);
}

TEST_CASE("HTTP HEAD answers like GET without the body") {
  TestServer server;
  HttpClient client(server.port());
  client.Send("HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  const ClientResponse response = client.Receive(/*head=*/true);
  CHECK(response.status == 200);
  CHECK(response.headers.at("content-length") == "3");
  CHECK(client.Exchange(Get("/healthz")).body == "ok\n");
}

TEST_CASE("HTTP serves nothing but its routes") {
  TestServer server;
  for (const char* path : {"/", "/nope", "/metrics/", "//metrics", "/v1/tables/t",
                           "/v1/tables//rows", "/v1/tables/a/b/rows", "/..%2f..%2fetc/passwd",
                           "/../../etc/passwd", "/x.cgi", "/healthz%00"}) {
    CAPTURE(path);
    const ClientResponse response = HttpClient(server.port()).Exchange(Get(path));
    CHECK(response.status == 404);
    CHECK(response.headers.at("content-type") == "application/json");
    CHECK(response.body == ErrorBody("NOT_FOUND", "no such path"));
  }
}

TEST_CASE("HTTP names the methods that a path takes") {
  TestServer server;
  HttpClient client(server.port());
  ClientResponse response = client.Exchange(Get(kRows));
  CHECK(response.status == 405);
  CHECK(response.headers.at("allow") == "POST");
  response = client.Exchange("DELETE /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(response.status == 405);
  CHECK(response.headers.at("allow") == "GET, HEAD");
  CHECK(client.Exchange(Post("/healthz", "x")).status == 405);
  for (const char* method : {"PUT", "OPTIONS", "PATCH", "PROPFIND"}) {
    CAPTURE(method);
    const std::string request = absl::StrCat(method, " /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(HttpClient(server.port()).Exchange(request).status == 405);
  }
}

TEST_CASE("HTTP hands rows over as they were sent") {
  TestServer server;
  server.answer.accepted = 2;
  HttpClient client(server.port());
  const ClientResponse response =
      client.Exchange(Post("/v1/tables/main%2Fpublic.t%20%C3%A9/rows?ack=memory", "[{\"a\":1},{}]",
                           "Content-Type: application/json; charset=utf-8\r\nX-Producer-Id: p\r\n"
                           "x-sequence: 18446744073709551615\r\n"));
  CHECK(response.status == 200);
  CHECK(response.headers.at("content-type") == "application/json");
  CHECK(response.body == "{\"accepted\":2,\"rejected\":[]}\n");
  client.Exchange(Post(kRows, "{}\n{}", "Content-Type: application/x-ndjson\r\n"));
  client.Exchange(Post(absl::StrCat(std::string(kRows), "?ack=database"), "{}"));
  REQUIRE(server.requests.size() == 3);
  const RowsRequest& first = server.requests[0];
  CHECK(first.table == "main/public.t \xc3\xa9");
  CHECK(first.ack == AckLevel::kMemory);
  CHECK(first.form == JsonForm::kDocument);
  CHECK(first.body == "[{\"a\":1},{}]");
  CHECK(first.producer_id == "p");
  CHECK(first.sequence == UINT64_MAX);
  CHECK(server.requests[1].form == JsonForm::kLines);
  CHECK_FALSE(server.requests[1].ack.has_value());
  CHECK(server.requests[1].producer_id.empty());
  CHECK(server.requests[2].ack == AckLevel::kDatabase);
}

TEST_CASE("HTTP lists refused rows, escaped") {
  TestServer server;
  server.answer.accepted = 1;
  server.answer.rejected = {
      {1, "a\"\\\n\x01\xff\xc3\xa9", RejectReason::kWrongType, "int, got text"},
      {7, "", RejectReason::kDuplicateKey, "23505"}};
  const ClientResponse response = HttpClient(server.port()).Exchange(Post(kRows, "[{},{}]"));
  CHECK(response.status == 200);
  CHECK(
      response.body ==
      "{\"accepted\":1,\"rejected\":["
      "{\"row\":1,\"field\":\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xc3\xa9\",\"reason\":\"wrong_type\","
      "\"detail\":\"int, got text\"},"
      "{\"row\":7,\"field\":\"\",\"reason\":\"duplicate_key\",\"detail\":\"23505\"}]}\n");
}

TEST_CASE("HTTP maps errors to statuses") {
  TestServer server;
  const std::vector<std::pair<absl::Status, int>> cases = {
      {absl::InvalidArgumentError("m"), 400},
      {absl::NotFoundError("m"), 404},
      {absl::AbortedError("m"), 409},
      {LimitPassed("m"), 413},
      {absl::ResourceExhaustedError("m"), 429},
      {absl::InternalError("m"), 500},
      {absl::UnimplementedError("m"), 501},
      {absl::UnavailableError("m"), 503},
      {absl::DeadlineExceededError("m"), 504},
      {absl::FailedPreconditionError("m"), 400},
      {NoneLeft("m"), 429},
  };
  HttpClient client(server.port());
  for (const auto& [error, status] : cases) {
    CAPTURE(error);
    server.error = error;
    const ClientResponse response = client.Exchange(Post(kRows, "{}"));
    CHECK(response.status == status);
    CHECK(response.body == ErrorBody(absl::StatusCodeToString(error.code()), "m"));
    const bool again = status == 503 || (status == 429 && !IsNoneLeft(error));
    CHECK((response.headers.count("retry-after") == 1) == again);
  }
}

TEST_CASE("HTTP refuses bad heads before it reads the body") {
  struct Case {
    std::string request;
    int status;
  };
  const std::string json = "Content-Type: application/json\r\n";
  const std::string path(kRows);
  const std::vector<Case> cases = {
      {Post(kRows, "{}", ""), 415},
      {Post(kRows, "{}", "Content-Type: text/csv\r\n"), 415},
      {Post(kRows, "{}", json + "Content-Encoding: gzip\r\n"), 415},
      {Post(kRows, "{}", json + "Content-Encoding: identity\r\n"), 200},
      {Post(path + "?ack=journal", "{}"), 200},
      {Post(path + "?ack=JOURNAL", "{}"), 400},
      {Post(path + "?ack=", "{}"), 400},
      {Post(path + "?ack=memory&ack=memory", "{}"), 400},
      {Post(path + "?akc=memory", "{}"), 400},
      {Post(path + "?ack=%4", "{}"), 400},
      {Post("/v1/tables/%zz/rows", "{}"), 400},
      {Post("/v1/tables/a%00b/rows", "{}"), 400},
      {Post("/v1/tables/%ff/rows", "{}"), 400},
      {Post("/v1/tables/" + std::string(256, 'a') + "/rows", "{}"), 400},
      {Post("/v1/tables/" + std::string(255, 'a') + "/rows", "{}"), 200},
      {Post(kRows, "{}", json + "X-Sequence: -1\r\n"), 400},
      {Post(kRows, "{}", json + "X-Sequence: 18446744073709551616\r\n"), 400},
      {Post(kRows, "{}", json + "X-Producer-Id: " + std::string(256, 'p') + "\r\n"), 400},
      {Post(kRows, "{}", json + "Expect: a-miracle\r\n"), 400},
      {"POST " + path + " HTTP/1.1\r\nHost: h\r\n" + json + "\r\n", 411},
  };
  for (const Case& c : cases) {
    CAPTURE(c.request);
    TestServer server;
    const ClientResponse response = HttpClient(server.port()).Exchange(c.request);
    CHECK(response.status == c.status);
    CHECK(response.headers.at("content-type") == "application/json");
    CHECK(server.requests.size() == (c.status == 200 ? 1 : 0));
  }
}

TEST_CASE("HTTP refuses requests whose end is ambiguous, and closes") {
  TestServer server;
  const std::string head =
      "POST /v1/tables/t/rows HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
  for (const char* framing :
       {"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n", "Content-Length: 2, 2\r\n",
        "Content-Length: +2\r\n", "Content-Length: 2x\r\n", "Content-Length: -2\r\n",
        "Content-Length: \r\n", "Content-Length: 0x2\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    CAPTURE(framing);
    HttpClient client(server.port());
    const ClientResponse response = client.Exchange(absl::StrCat(head, framing, "\r\n{}"));
    CHECK(response.status >= 400);
    CHECK(response.status < 500);
    CHECK(response.headers.at("connection") == "close");
    CHECK(client.AtEnd());
  }
  CHECK(server.requests.empty());
}

TEST_CASE("HTTP answers what is no request with an error and closes") {
  TestServer server;
  for (const std::string& bytes :
       {std::string("\r\n\r\n\x16\x03\x01\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET /healthz\r\n\r\n"), std::string("GET /healthz HTTP/9.9\r\n\r\n"),
        std::string("GET http://[bad/ HTTP/1.1\r\n\r\n"), std::string("BREW / HTTP/1.1\r\n\r\n")}) {
    CAPTURE(bytes);
    HttpClient client(server.port());
    const ClientResponse response = client.Exchange(bytes);
    CHECK((response.status == 0 || response.status >= 400));
    CHECK_THAT(response.body, !Catch::Contains("BREW"));
  }
  CHECK(HttpClient(server.port()).Exchange(Get("/healthz")).status == 200);
}

TEST_CASE("HTTP takes chunked bodies up to the limit") {
  TestServer server;
  HttpClient client(server.port());
  const std::string head =
      "POST /v1/tables/t/rows HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  const ClientResponse response =
      client.Exchange(head + "5\r\n[{\"a\"\r\nA\r\n:1},{\"b\":2\r\n2\r\n}]\r\n0\r\n\r\n");
  CHECK(response.status == 200);
  REQUIRE(server.requests.size() == 1);
  CHECK(server.requests[0].body == "[{\"a\":1},{\"b\":2}]");

  const std::string full = absl::StrCat(head, "3e8\r\n", std::string(1000, ' '), "\r\n0\r\n\r\n");
  CHECK(HttpClient(server.port()).Exchange(full).status == 200);
  for (const char* bad :
       {"z\r\n", "-1\r\n", "5;ext=1\r\nhello\r\n0\r\n\r\n", "1\r\nxx\r\n", "\r\n"}) {
    CAPTURE(bad);
    CHECK(HttpClient(server.port()).Exchange(head + bad).status == 400);
  }
  CHECK(server.requests.size() == 2);
}

TEST_CASE("HTTP keeps a connection for many requests") {
  TestServer server;
  HttpClient client(server.port());
  for (int i = 0; i < 20; ++i) {
    CHECK(client.Exchange(Post(kRows, "{}")).status == 200);
    CHECK(client.Exchange(Get("/healthz")).body == "ok\n");
  }
  CHECK(server.requests.size() == 20);
}

TEST_CASE("HTTP answers pipelined requests in their order") {
  TestServer server;
  HttpClient client(server.port());
  client.Send(Get("/healthz") + Post(kRows, "{}") + Get("/nope") + Get("/metrics"));
  CHECK(client.Receive().body == "ok\n");
  CHECK(client.Receive().status == 200);
  CHECK(client.Receive().status == 404);
  CHECK(client.Receive().body == "# TYPE up gauge\nup 1\n");
}

TEST_CASE("HTTP closes a connection when the client asks for it") {
  TestServer server;
  for (const char* request : {"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                              "GET /healthz HTTP/1.0\r\n\r\n"}) {
    HttpClient client(server.port());
    const ClientResponse response = client.Exchange(request);
    CHECK(response.status == 200);
    CHECK(response.headers.at("connection") == "close");
    CHECK(client.AtEnd());
  }
}

TEST_CASE("HTTP asks for a body that waits to be asked for") {
  TestServer server;
  const std::string head =
      "POST /v1/tables/t/rows HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\n";
  HttpClient client(server.port());
  CHECK(client.Exchange(head + "Content-Length: 2\r\n\r\n").status == 100);
  CHECK(client.Exchange("{}").status == 200);
  HttpClient other(server.port());
  CHECK(other.Exchange(head + "Content-Length: 1001\r\n\r\n").status == 413);
  CHECK(other.AtEnd());
}

TEST_CASE("HTTP serves many connections at once") {
  TestServer server;
  std::vector<std::thread> threads;
  threads.reserve(8);
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      HttpClient client(server.port());
      for (int j = 0; j < 50; ++j) good += client.Exchange(Post(kRows, "{}")).status == 200 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 400);
}

TEST_CASE("HTTP tells its observer each request") {
  std::mutex mutex;
  std::vector<std::string> seen;
  HttpServerOptions options;
  options.observer = [&](std::string_view route, int status, uint64_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex);
    seen.push_back(absl::StrCat(std::string(route), " ", status, " ", bytes));
  };
  {
    TestServer server(options);
    HttpClient client(server.port());
    client.Exchange(Post(kRows, "[{}]"));
    client.Exchange(Get("/healthz"));
  }
  CHECK(seen == std::vector<std::string>{"/v1/tables/{table}/rows 200 4", "/healthz 200 0"});
}

TEST_CASE("HTTP says which address it cannot listen on") {
  TestServer server;
  HttpServerOptions options;
  options.listen.port = static_cast<uint16_t>(server.port());
  const absl::Status busy = HttpServer::Start(options, {}).status();
  CHECK(busy.code() == absl::StatusCode::kUnavailable);
  CHECK_THAT(std::string(busy.message()), Catch::Contains(server.server->address()) &&
                                              Catch::Contains("Address already in use"));
  options.listen = {"", 0};
  CHECK(HttpServer::Start(options, {}).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("HTTP listens on a name, and says that it has no IPv6") {
  HttpServerOptions options;
  options.listen = {"localhost", 0};
  auto named = HttpServer::Start(options, {});
  REQUIRE(named.ok());
  CHECK((*named)->address() == absl::StrCat("127.0.0.1:", (*named)->port()));
  options.listen = {"::1", 0};
  const absl::Status six = HttpServer::Start(options, {}).status();
  CHECK_THAT(std::string(six.message()), Catch::Contains("[::1]:0") && Catch::Contains("IPv6"));
}

TEST_CASE("HTTP stops while a connection is idle, and twice") {
  TestServer server;
  HttpClient client(server.port());
  CHECK(client.Exchange(Get("/healthz")).status == 200);
  server.server->Stop();
  server.server->Stop();
  CHECK(client.AtEnd());
}

}  // namespace
}  // namespace batchsql
