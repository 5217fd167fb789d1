#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/options.h"
#include "server/http/connection_watchdog.h"
#include "server/http/http_message.h"
#include "server/http/http_router.h"

struct mg_connection;
struct mg_context;

namespace batchsql {

struct HttpServerOptions {
  ListenAddress listen = HttpOptions().listen;
  // Connections served at once; more wait in the listener's queue.
  uint32_t connections_max = 24;
  // Requests with a body at once. The other connections stay free for probes and scrapes.
  uint32_t body_requests_max = 16;
  uint32_t header_bytes_max = 16 * 1024;
  uint32_t header_ms_max = 10'000;  // from the connection, or the last answer, to the headers' end
  uint32_t body_ms_max = 30'000;    // from the headers' end to the body's
  uint32_t answer_ms_max = 30'000;  // sending an answer
  uint32_t idle_ms_max = 5'000;     // between two requests of a connection
  // Called after each request that reached a route, on its thread; `route` is the route's pattern.
  std::function<void(std::string_view route, int status, uint64_t body_bytes)> observer;
};

// HTTP/1.1 by civetweb: sockets, headers and chunks are the library's; routes, limits and answers
// are ours. Serves nothing but its routes: no files, no listings, no scripts.
//
// Owns the listening socket and one thread a connection; handlers are called on those. Ends with
// Stop or destruction, which wait for the requests that are being answered.
class HttpServer {
 public:
  // UNAVAILABLE when the address cannot be listened on, INVALID_ARGUMENT when it has no
  // host or is of a kind that the library lacks.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           std::vector<HttpRoute> routes);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  // `127.0.0.1:8080`, with the port that is really listened on.
  const std::string& address() const { return address_; }

  // Idempotent; not from a handler.
  void Stop();

 private:
  struct Exchange;

  HttpServer(HttpServerOptions options, std::vector<HttpRoute> routes);
  absl::Status Listen();

  static int OnRequest(mg_connection* connection);
  static int OnLibraryError(mg_connection* connection, int status, const char* message);
  static int OnLibraryLog(const mg_connection* connection, const char* message);

  int Serve(Exchange& exchange);
  HttpResponse Answer(Exchange& exchange);
  HttpResponse AnswerWithBody(Exchange& exchange);
  absl::Status ReadBody(Exchange& exchange);
  absl::Status ReadChunks(Exchange& exchange);
  void Drain(Exchange& exchange);
  void Send(Exchange& exchange, const HttpResponse& response);

  const HttpServerOptions options_;
  const HttpRouter router_;
  ConnectionWatchdog watchdog_;
  std::atomic<uint32_t> body_requests_{0};
  std::string library_log_;  // what the library says while it starts; its thread is ours then
  std::atomic<bool> started_{false};
  mg_context* context_ = nullptr;
  int port_ = 0;
  std::string address_;
};

}  // namespace batchsql
