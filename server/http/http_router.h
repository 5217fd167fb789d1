#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/http_message.h"

namespace batchsql {

struct HttpRoute {
  std::string method;   // GET also answers HEAD
  std::string pattern;  // `/a/{x}/b`: what is in braces takes one segment of the path
  std::unique_ptr<HttpHandler> handler;
  uint64_t request_bytes_max = 0;  // of the body; 0: the route takes none
};

// What a path and a method lead to.
struct RouteMatch {
  const HttpRoute* route = nullptr;  // null: no such path, or `allow` says which methods it takes
  std::vector<std::string> captures;
  std::string allow;       // value for the header of that name
  bool malformed = false;  // bad percent-encoding in the path
};

// The routes of a server. Immutable; any thread.
class HttpRouter {
 public:
  explicit HttpRouter(std::vector<HttpRoute> routes);
  // `path` is as the client sent it, so that an encoded slash is no separator.
  RouteMatch Match(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    HttpRoute route;
    std::vector<std::string> segments;
  };
  std::vector<Entry> entries_;
};

}  // namespace batchsql
