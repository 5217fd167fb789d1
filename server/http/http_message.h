#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace batchsql {

// A request as its handler sees it.
struct HttpRequest {
  std::string method;
  std::string path;                   // as it was sent, without the query
  std::vector<std::string> captures;  // what stands for the route's braces, percent-decoded
  std::vector<std::pair<std::string, std::string>> query;  // percent-decoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // The first header of this name, whatever its case; null when there is none.
  const std::string* FindHeader(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// A time as the header Date has it: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string HttpDate(std::time_t time);

HttpResponse JsonResponse(int status, std::string body);

// {"error":{"code":"INVALID_ARGUMENT","message":"…"}}. `code` is a name of absl::StatusCode.
HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message);
// The same with the HTTP status that belongs to the error (413 for IsLimitPassed), and Retry-After
// where trying again helps.
HttpResponse ErrorResponse(const absl::Status& error);

// The HTTP status of an error by its code alone.
int HttpStatusOf(absl::StatusCode code);

// Answers requests; called from many threads at once.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Called before the body is read: a refusal is answered at once, and nothing is buffered.
  virtual std::optional<HttpResponse> CheckHead(const HttpRequest& /*head*/) {
    return std::nullopt;
  }
  virtual HttpResponse Handle(HttpRequest request) = 0;
};

}  // namespace batchsql
