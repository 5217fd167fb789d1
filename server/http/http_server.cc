#include "server/http/http_server.h"

#include <civetweb.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/log.h"
#include "core/strings.h"
#include "server/http/http_framing.h"
#include "server/http/resolve_host.h"
#include "server/http/socket_lookup.h"
#include "server/http/url.h"

namespace batchsql {
namespace {

using std::chrono::milliseconds;

constexpr size_t kReadBytes = 64 * 1024;
// What is still read of a body that was refused, so that a client that sends first and listens
// later gets the answer instead of a reset connection.
constexpr uint64_t kDrainBytesMax = 256ULL << 20;
constexpr milliseconds kDrainTimeMax{2'000};

std::string_view ReasonPhrase(int status) { return mg_get_response_code_text(nullptr, status); }

absl::Status BodyTooLarge(uint64_t bytes_max) {
  const std::string message =
      absl::StrCat("the body is larger than limits.request_bytes_max (", bytes_max, ")");
  return LimitPassed(message);
}

HttpServer* ServerOf(const mg_connection* connection) {
  return static_cast<HttpServer*>(mg_get_user_data(mg_get_context(connection)));
}

}  // namespace

// One request and its answer, on the connection's thread.
struct HttpServer::Exchange {
  explicit Exchange(mg_connection* c) : connection(c), info(mg_get_request_info(c)) {}

  ConnectionEnds Ends() const { return {info->remote_addr, info->remote_port, info->server_port}; }

  mg_connection* connection;
  const mg_request_info* info;
  HttpRequest request;
  Framing framing;
  const HttpRoute* route = nullptr;
  uint64_t body_bytes = 0;
  bool is_head = false;
  bool close = false;  // after the answer
  bool drain = false;  // read on before closing
};

HttpServer::HttpServer(HttpServerOptions options, std::vector<HttpRoute> routes)
    : options_(std::move(options)), router_(std::move(routes)) {
  mg_init_library(0);
}

HttpServer::~HttpServer() {
  Stop();
  mg_exit_library();
}

void HttpServer::Stop() {
  if (context_ == nullptr) return;
  // The library's accepting thread looks up every two seconds only; this wakes it.
  if (const int fd = FindListener(port_); fd >= 0) shutdown(fd, SHUT_RDWR);
  mg_stop(std::exchange(context_, nullptr));
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              std::vector<HttpRoute> routes) {
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(options), std::move(routes)));
  if (absl::Status status = server->Listen(); !status.ok()) return status;
  return server;
}

absl::Status HttpServer::Listen() {
  absl::StatusOr<ListenAddress> address = ResolveHost(options_.listen);
  if (!address.ok()) return address.status();
  const bool is_ipv6 = address->host.find(':') != std::string::npos;
  if (is_ipv6 && mg_check_feature(MG_FEATURES_IPV6) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", address->ToString(), ": the HTTP library has no IPv6"));
  }
  const std::string listen = address->ToString();
  const std::string threads = absl::StrCat(options_.connections_max);
  const std::string header_bytes = absl::StrCat(options_.header_bytes_max);
  const std::string header_ms = absl::StrCat(options_.header_ms_max);
  const std::string idle_ms = absl::StrCat(options_.idle_ms_max);
  const char* settings[] = {"listening_ports",
                            listen.c_str(),
                            "num_threads",
                            threads.c_str(),
                            "connection_queue",
                            threads.c_str(),
                            "max_request_size",
                            header_bytes.c_str(),
                            "request_timeout_ms",
                            header_ms.c_str(),
                            "enable_keep_alive",
                            "yes",
                            "keep_alive_timeout_ms",
                            idle_ms.c_str(),
                            "tcp_nodelay",
                            "1",
                            "decode_url",
                            "no",  // an encoded slash is no separator
                            "enable_directory_listing",
                            "no",
                            "enable_auth_domain_check",
                            "no",
                            nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &HttpServer::OnRequest;
  callbacks.http_error = &HttpServer::OnLibraryError;
  callbacks.log_message = &HttpServer::OnLibraryLog;
  char text[256] = "";
  unsigned code = 0;
  mg_init_data init{&callbacks, this, settings};
  mg_error_data error{&code, text, sizeof(text)};
  context_ = mg_start2(&init, &error);
  started_ = true;
  if (context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", listen, ": ",
                                               library_log_.empty() ? text : library_log_.c_str()));
  }
  mg_server_port port{};
  if (mg_get_server_ports(context_, 1, &port) < 1) {
    return absl::InternalError("the HTTP library does not tell its port");
  }
  port_ = port.port;
  address->port = static_cast<uint16_t>(port.port);
  address_ = address->ToString();
  return absl::OkStatus();
}

int HttpServer::OnLibraryLog(const mg_connection* connection, const char* message) {
  HttpServer* server = ServerOf(connection);
  if (!server->started_) {
    if (server->library_log_.empty()) server->library_log_ = message;
  } else {
    Log(LogLevel::kDebug, "http library", {{"text", message}});
  }
  return 1;
}

// Requests that the library refuses by itself: bad request lines and headers, too long ones. Its
// own text may quote the request, so it is not passed on.
int HttpServer::OnLibraryError(mg_connection* connection, int status, const char* /*message*/) {
  HttpServer* server = ServerOf(connection);
  Exchange exchange(connection);
  exchange.close = true;
  const HttpServerOptions& options = server->options_;
  // The library does not tell these apart.
  const std::string message =
      status == 400
          ? absl::StrCat(
                "malformed request, or its head is longer than limits.http_header_bytes_max (",
                options.header_bytes_max, ") or came slower than limits.http_header_ms_max (",
                options.header_ms_max, ")")
          : std::string(ReasonPhrase(status));
  server->Send(exchange,
               ErrorResponse(status, status < 500 ? "INVALID_ARGUMENT" : "UNIMPLEMENTED", message));
  return 0;
}

int HttpServer::OnRequest(mg_connection* connection) {
  Exchange exchange(connection);
  return ServerOf(connection)->Serve(exchange);
}

int HttpServer::Serve(Exchange& exchange) {
  exchange.close = !KeepsAlive(*exchange.info);
  const HttpResponse response = Answer(exchange);
  Send(exchange, response);
  if (exchange.drain) Drain(exchange);
  if (options_.observer && exchange.route != nullptr) {
    options_.observer(exchange.route->pattern, response.status, exchange.body_bytes);
  }
  return response.status;
}

HttpResponse HttpServer::Answer(Exchange& exchange) {
  const mg_request_info& info = *exchange.info;
  HttpRequest& request = exchange.request;
  request.method = info.request_method;
  exchange.is_head = request.method == "HEAD";
  request.path = info.local_uri_raw != nullptr ? info.local_uri_raw : "";
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers.emplace_back(info.http_headers[i].name, info.http_headers[i].value);
  }
  absl::StatusOr<Framing> framing = ReadFraming(request, info.http_version);
  if (!framing.ok()) {
    exchange.close = true;  // where this request ends, nobody knows
    return ErrorResponse(framing.status());
  }
  exchange.framing = *framing;
  if (framing->has_body()) exchange.close = exchange.drain = true;  // until the body has been read

  RouteMatch match = router_.Match(request.method, request.path);
  if (match.route == nullptr && match.allow.empty()) {
    return ErrorResponse(absl::NotFoundError("no such path"));
  }
  if (match.route == nullptr) {
    HttpResponse response =
        ErrorResponse(405, "UNIMPLEMENTED", "the path does not take this method");
    response.headers.emplace_back("Allow", match.allow);
    return response;
  }
  auto query = ParseQuery(info.query_string != nullptr ? info.query_string : "");
  if (match.malformed || !query) {
    return ErrorResponse(absl::InvalidArgumentError("malformed percent-encoding in the address"));
  }
  exchange.route = match.route;
  request.captures = std::move(match.captures);
  request.query = *std::move(query);
  if (auto refusal = match.route->handler->CheckHead(request)) return *std::move(refusal);
  return match.route->request_bytes_max > 0 ? AnswerWithBody(exchange)
         : framing->has_body() ? ErrorResponse(absl::InvalidArgumentError("the path takes no body"))
                               : match.route->handler->Handle(std::move(request));
}

HttpResponse HttpServer::AnswerWithBody(Exchange& exchange) {
  const Framing& framing = exchange.framing;
  if (!framing.chunked && !framing.length) {
    return ErrorResponse(411, "INVALID_ARGUMENT", "Content-Length is missing");
  }
  if (const std::string* type = exchange.request.FindHeader("Content-Encoding");
      type != nullptr && !absl::EqualsIgnoreCase(*type, "identity")) {
    return ErrorResponse(415, "INVALID_ARGUMENT", "Content-Encoding is not taken");
  }
  if (framing.length.value_or(0) > exchange.route->request_bytes_max) {
    return ErrorResponse(BodyTooLarge(exchange.route->request_bytes_max));
  }

  const absl::Cleanup leave = [this] { --body_requests_; };
  if (++body_requests_ > options_.body_requests_max) {
    return ErrorResponse(absl::ResourceExhaustedError(absl::StrCat(
        "more requests at once than limits.http_requests_max (", options_.body_requests_max, ")")));
  }
  absl::Status status = ReadBody(exchange);
  if (absl::IsDeadlineExceeded(status)) {
    return ErrorResponse(408, "DEADLINE_EXCEEDED", AsStd(status.message()));
  }
  if (!status.ok()) return ErrorResponse(status);
  return exchange.route->handler->Handle(std::move(exchange.request));
}

absl::Status HttpServer::ReadBody(Exchange& exchange) {
  if (exchange.framing.expects_continue) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    mg_write(exchange.connection, kContinue.data(), kContinue.size());
  }
  const ConnectionWatchdog::Guard guard(watchdog_, exchange.Ends(), ConnectionWatchdog::Side::kRead,
                                        milliseconds(options_.body_ms_max));
  absl::Status status = ReadChunks(exchange);
  if (guard.expired()) {
    exchange.drain = false;
    return absl::DeadlineExceededError(absl::StrCat(
        "the body took longer than limits.http_body_ms_max (", options_.body_ms_max, ")"));
  }
  return status;
}

absl::Status HttpServer::ReadChunks(Exchange& exchange) {
  const uint64_t bytes_max = exchange.route->request_bytes_max;
  const uint64_t length = exchange.framing.length.value_or(bytes_max + 1);
  std::string& body = exchange.request.body;
  while (body.size() < length) {
    const size_t had = body.size();
    const size_t want = std::min<uint64_t>(kReadBytes, length - had);
    body.resize(had + want);
    const int got = mg_read(exchange.connection, body.data() + had, want);
    body.resize(had + static_cast<size_t>(std::max(got, 0)));
    if (got == 0 && exchange.framing.chunked) break;
    if (got <= 0) {
      exchange.drain = false;
      return absl::InvalidArgumentError(
          "the body ends before its length, or its chunks are malformed");
    }
  }
  exchange.body_bytes = body.size();
  if (body.size() > bytes_max) return BodyTooLarge(bytes_max);
  exchange.drain = false;
  // After a chunked body the library leaves the trailer unread, so the connection ends here.
  if (!exchange.framing.chunked) exchange.close = !KeepsAlive(*exchange.info);
  return absl::OkStatus();
}

void HttpServer::Drain(Exchange& exchange) {
  if (exchange.framing.expects_continue) return;  // the client waits before it sends
  const ConnectionWatchdog::Guard guard(watchdog_, exchange.Ends(), ConnectionWatchdog::Side::kBoth,
                                        kDrainTimeMax);
  std::string scratch(kReadBytes, '\0');
  uint64_t left = kDrainBytesMax;
  while (left > 0) {
    const int got = mg_read(exchange.connection, scratch.data(), scratch.size());
    if (got <= 0) return;
    left -= std::min<uint64_t>(left, static_cast<uint64_t>(got));
  }
}

void HttpServer::Send(Exchange& exchange, const HttpResponse& response) {
  std::string head = absl::StrCat(
      "HTTP/1.1 ", response.status, " ", AsAbsl(ReasonPhrase(response.status)),
      "\r\nContent-Type: ", response.content_type, "\r\nContent-Length: ", response.body.size(),
      "\r\nDate: ", HttpDate(std::time(nullptr)), "\r\nCache-Control: no-store\r\n",
      "X-Content-Type-Options: nosniff\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  if (exchange.close) {
    mg_disable_connection_keep_alive(exchange.connection);
    head += "Connection: close\r\n";
  }
  head += "\r\n";
  const bool has_body = !exchange.is_head && !response.body.empty();
  const ConnectionWatchdog::Guard guard(watchdog_, exchange.Ends(), ConnectionWatchdog::Side::kBoth,
                                        milliseconds(options_.answer_ms_max));
  if (has_body) head += response.body;
  mg_write(exchange.connection, head.data(), head.size());
}

}  // namespace batchsql
