#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/decode/row_source.h"
#include "server/http/http_router.h"
#include "server/http/rows_handler.h"

namespace batchsql {

// What the daemon's routes call. All functions are called from many threads at once.
struct HttpEndpoints {
  std::function<std::string()> metrics;     // text exposition format 0.0.4
  std::function<absl::Status()> readiness;  // OK when ready, else why not
  WriteRows write_rows;
  uint64_t request_bytes_max = RequestLimits{}.request_bytes_max;
};

// GET /metrics, /healthz, /readyz and POST /v1/tables/{table}/rows.
std::vector<HttpRoute> MakeRoutes(HttpEndpoints endpoints);

}  // namespace batchsql
