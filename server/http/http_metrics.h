#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/metric_registry.h"
#include "server/http/http_router.h"

namespace batchsql {

// What the HTTP front end counts: requests by route, never by address. Thread-safe; the registry
// must outlive it.
class HttpMetrics {
 public:
  // Each route's series for 200 exists from the start.
  HttpMetrics(MetricRegistry& registry, const std::vector<HttpRoute>& routes);

  void Ended(std::string_view route, int status, uint64_t body_bytes);

 private:
  prometheus::Counter& Requests(std::string_view route, int status);

  MetricRegistry& registry_;
  prometheus::Counter& received_bytes_;
};

}  // namespace batchsql
