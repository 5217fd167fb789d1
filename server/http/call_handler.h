#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/http/http_message.h"
#include "server/http/http_router.h"

namespace batchsql {

// A route whose answer is one call; called from many threads at once.
class CallHandler : public HttpHandler {
 public:
  explicit CallHandler(std::function<HttpResponse()> call) : call_(std::move(call)) {}
  HttpResponse Handle(HttpRequest /*request*/) override { return call_(); }

 private:
  const std::function<HttpResponse()> call_;
};

inline HttpRoute GetRoute(std::string path, std::function<HttpResponse()> call) {
  return {"GET", std::move(path), std::make_unique<CallHandler>(std::move(call)), 0};
}

}  // namespace batchsql
