#pragma once

#include <string>

#include "core/metric_registry.h"

namespace batchsql {

// The counter of bytes that clients sent to write rows, over one protocol.
inline prometheus::Counter& AddReceivedBytes(MetricRegistry& registry,
                                             const std::string& protocol) {
  return registry.AddCounter({"batchsql_received_bytes_total",
                              "Bytes of requests to write rows, by protocol (grpc, http)."},
                             {{"protocol", protocol}});
}

}  // namespace batchsql
