#include "cli/http/json_api.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

constexpr size_t kReasonBytesMax = 300;

// What the server says is wrong: Grafana's `message`, Prometheus' `error`, else the answer's begin.
std::string Reason(const HttpResponse& response) {
  const Json json = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  for (const char* key : {"message", "error"}) {
    if (std::string text = TextOf(json, key); !text.empty()) return text;
  }
  return response.body.substr(0, kReasonBytesMax);
}

absl::StatusCode CodeOf(int status) {
  switch (status) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    default:
      return status >= 500 ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition;
  }
}

}  // namespace

JsonApi::JsonApi(std::string name, std::string base, HttpLogin login)
    : name_(std::move(name)), base_(std::move(base)), login_(std::move(login)) {}

absl::StatusOr<HttpResponse> JsonApi::Raw(const std::string& method, const std::string& path,
                                          const std::string& body) const {
  HttpRequest request;
  request.method = method;
  request.url = absl::StrCat(base_, path);
  request.body = body;
  request.login = login_;
  return SendHttp(request);
}

absl::StatusOr<Json> JsonApi::Call(const std::string& method, const std::string& path,
                                   const std::string& body) const {
  const absl::StatusOr<HttpResponse> response = Raw(method, path, body);
  if (!response.ok()) return response.status();
  if (response->status < 200 || response->status > 299) {
    return absl::Status(CodeOf(response->status),
                        absl::StrCat(name_, " answered ", response->status, " to ", method, " ",
                                     path, ": ", Reason(*response)));
  }
  Json json = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::DataLossError(absl::StrCat(base_, path, " answers no JSON: is it ", name_, "?"));
  }
  return json;
}

const Json& FieldOf(const Json& json, const char* key) {
  static const Json kNull;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : kNull;
}

std::string TextOf(const Json& json, const char* key) {
  const Json& field = FieldOf(json, key);
  return field.is_string() ? field.get<std::string>() : std::string();
}

double NumberOf(const Json& json, const char* key, double otherwise) {
  const Json& field = FieldOf(json, key);
  return field.is_number() ? field.get<double>() : otherwise;
}

}  // namespace batchsql::cli
