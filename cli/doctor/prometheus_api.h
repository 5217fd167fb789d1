#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/http/json_api.h"

namespace batchsql::cli {

struct QueriedSample {
  std::map<std::string, std::string> labels;
  double value = 0;
};

// What of Prometheus' HTTP API the doctor asks. Used by one thread.
class PrometheusApi {
 public:
  explicit PrometheusApi(std::string base) : api_("Prometheus", std::move(base)) {}

  absl::StatusOr<HttpResponse> Ready() const { return api_.Raw("GET", "/-/ready", ""); }
  // The field `data` of an answer.
  absl::StatusOr<Json> Data(const std::string& path) const;
  // An instant query that returns a vector or a scalar.
  absl::StatusOr<std::vector<QueriedSample>> Query(const std::string& expression) const;
  // Of a query with one value; nothing returned is 0.
  absl::StatusOr<double> Number(const std::string& expression) const;

 private:
  JsonApi api_;
};

}  // namespace batchsql::cli
