#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/http/endpoints.h"
#include "server/http/http_server.h"

namespace batchsql {

inline constexpr uint64_t kBodyMax = 1000;

// A server on a port of its own with rows that go nowhere.
class TestServer {
 public:
  explicit TestServer(HttpServerOptions options = {}, const WriteRows& write = nullptr) {
    options.listen.port = 0;
    HttpEndpoints endpoints;
    endpoints.metrics = [] { return "# TYPE up gauge\nup 1\n"; };
    endpoints.readiness = [this] { return readiness; };
    endpoints.request_bytes_max = kBodyMax;
    endpoints.write_rows = [this, write](RowsRequest request) -> absl::StatusOr<WriteAnswer> {
      if (write) return write(std::move(request));
      const std::lock_guard<std::mutex> lock(mutex);
      requests.push_back(std::move(request));
      if (!error.ok()) return error;
      return answer;
    };
    absl::StatusOr<std::unique_ptr<HttpServer>> started =
        HttpServer::Start(std::move(options), MakeRoutes(std::move(endpoints)));
    REQUIRE(started.ok());
    server = *std::move(started);
  }

  int port() const { return server->port(); }

  absl::Status readiness;
  absl::Status error;
  WriteAnswer answer;
  std::mutex mutex;
  std::vector<RowsRequest> requests;
  std::unique_ptr<HttpServer> server;  // last: its threads use the others
};

inline std::string Get(std::string_view path) {
  return absl::StrCat("GET ", std::string(path), " HTTP/1.1\r\nHost: h\r\n\r\n");
}

inline std::string Post(std::string_view path, std::string_view body,
                        std::string_view headers = "Content-Type: application/json\r\n") {
  return absl::StrCat("POST ", std::string(path), " HTTP/1.1\r\nHost: h\r\n", std::string(headers),
                      "Content-Length: ", body.size(), "\r\n\r\n", std::string(body));
}

inline constexpr std::string_view kRows = "/v1/tables/t/rows";

inline std::string ErrorBody(std::string_view code, std::string_view message) {
  return absl::StrCat("{\"error\":{\"code\":\"", std::string(code), "\",\"message\":\"",
                      std::string(message), "\"}}\n");
}

}  // namespace batchsql
