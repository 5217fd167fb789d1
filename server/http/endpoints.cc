#include "server/http/endpoints.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/http/call_handler.h"

namespace batchsql {
namespace {

HttpResponse Text(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

}  // namespace

std::vector<HttpRoute> MakeRoutes(HttpEndpoints endpoints) {
  std::vector<HttpRoute> routes;
  routes.push_back(GetRoute("/metrics", [metrics = std::move(endpoints.metrics)] {
    HttpResponse response = Text(200, metrics());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  }));
  routes.push_back(GetRoute("/healthz", [] { return Text(200, "ok\n"); }));
  routes.push_back(GetRoute("/readyz", [readiness = std::move(endpoints.readiness)] {
    const absl::Status status = readiness();
    return status.ok() ? Text(200, "ok\n") : Text(503, absl::StrCat(status.message(), "\n"));
  }));
  routes.push_back({"POST", "/v1/tables/{table}/rows",
                    std::make_unique<RowsHandler>(std::move(endpoints.write_rows)),
                    endpoints.request_bytes_max});
  return routes;
}

}  // namespace batchsql
