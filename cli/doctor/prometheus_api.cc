#include "cli/doctor/prometheus_api.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

// [time, "value"]
double ValueOf(const Json& pair) {
  double value = 0;
  if (!pair.is_array() || pair.size() != 2 || !pair[1].is_string()) return value;
  return absl::SimpleAtod(pair[1].get<std::string>(), &value) ? value : 0;
}

QueriedSample SampleOf(const Json& json) {
  QueriedSample sample;
  for (const auto& [name, value] : FieldOf(json, "metric").items()) {
    if (value.is_string()) sample.labels[name] = value.get<std::string>();
  }
  sample.value = ValueOf(FieldOf(json, "value"));
  return sample;
}

}  // namespace

absl::StatusOr<Json> PrometheusApi::Data(const std::string& path) const {
  const absl::StatusOr<Json> answer = api_.Get(path);
  if (!answer.ok()) return answer.status();
  if (TextOf(*answer, "status") != "success") {
    return absl::DataLossError(absl::StrCat(api_.base(), path, ": is it Prometheus?"));
  }
  return FieldOf(*answer, "data");
}

absl::StatusOr<std::vector<QueriedSample>> PrometheusApi::Query(
    const std::string& expression) const {
  const absl::StatusOr<Json> data =
      Data(absl::StrCat("/api/v1/query?query=", UrlEncode(expression)));
  if (!data.ok()) return data.status();
  const Json& result = FieldOf(*data, "result");
  std::vector<QueriedSample> samples;
  if (TextOf(*data, "resultType") == "scalar") {
    samples.push_back({{}, ValueOf(result)});
    return samples;
  }
  for (const Json& sample : result) samples.push_back(SampleOf(sample));
  return samples;
}

absl::StatusOr<double> PrometheusApi::Number(const std::string& expression) const {
  const absl::StatusOr<std::vector<QueriedSample>> samples = Query(expression);
  if (!samples.ok()) return samples.status();
  return samples->empty() ? 0 : samples->front().value;
}

}  // namespace batchsql::cli
