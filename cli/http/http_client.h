#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace batchsql::cli {

// Who asks: a bearer token, or a user with a password, or nobody.
struct HttpLogin {
  std::string token;
  std::string user;
  std::string password;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::string body;  // sent as JSON when not empty
  HttpLogin login;
  std::chrono::milliseconds deadline{10'000};
};

struct HttpResponse {
  int status = 0;
  std::string body;
  std::string date;  // the header, empty where there is none
};

// Sends one request, without following redirects. An answer of any status is a response;
// UNAVAILABLE where there is none, with a line for the user; INVALID_ARGUMENT for a URL that is no
// http(s) URL; RESOURCE_EXHAUSTED for an answer of more than 64 MiB.
absl::StatusOr<HttpResponse> SendHttp(const HttpRequest& request);

// "http://host:1/" → "http://host:1"; a path may follow. INVALID_ARGUMENT where it is no http(s)
// URL or holds a user, a query or a fragment.
absl::StatusOr<std::string> BaseUrl(const std::string& url);

// Seconds since 1970 of a Date header; negative where it is none.
double HttpDateSeconds(const std::string& date);

// Percent-encoded, for a query.
std::string UrlEncode(const std::string& text);

}  // namespace batchsql::cli
