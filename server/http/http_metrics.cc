#include "server/http/http_metrics.h"

#include <string>

#include "server/received_bytes.h"

namespace batchsql {

HttpMetrics::HttpMetrics(MetricRegistry& registry, const std::vector<HttpRoute>& routes)
    : registry_(registry), received_bytes_(AddReceivedBytes(registry, "http")) {
  for (const HttpRoute& route : routes) Requests(route.pattern, 200);
}

prometheus::Counter& HttpMetrics::Requests(std::string_view route, int status) {
  return registry_.AddCounter(
      {"batchsql_http_requests_total", "Requests that were answered, by route and status code."},
      {{"route", std::string(route)}, {"code", std::to_string(status)}});
}

void HttpMetrics::Ended(std::string_view route, int status, uint64_t body_bytes) {
  Requests(route, status).Increment();
  if (body_bytes > 0) received_bytes_.Increment(static_cast<double>(body_bytes));
}

}  // namespace batchsql
