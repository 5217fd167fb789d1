#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/http/http_client.h"
#include "nlohmann/json.hpp"

namespace batchsql::cli {

// The order of an object's fields is kept, so that what is saved looks like what was read.
using Json = nlohmann::ordered_json;

// One server's API that speaks JSON. Used by one thread.
class JsonApi {
 public:
  // `base` as BaseUrl makes it. `name` is who answers, for messages: "Grafana".
  JsonApi(std::string name, std::string base, HttpLogin login = {});

  const std::string& base() const { return base_; }

  // The answer to a 2xx. Errors name the server, the status and its reason: UNAUTHENTICATED (401),
  // PERMISSION_DENIED (403), NOT_FOUND (404), FAILED_PRECONDITION (any other 4xx), UNAVAILABLE
  // (5xx, or nobody answers), DATA_LOSS (no JSON).
  absl::StatusOr<Json> Get(const std::string& path) const { return Call("GET", path, ""); }
  absl::StatusOr<Json> Post(const std::string& path, const std::string& body) const {
    return Call("POST", path, body);
  }
  // As it came, of any status.
  absl::StatusOr<HttpResponse> Raw(const std::string& method, const std::string& path,
                                   const std::string& body) const;

 private:
  absl::StatusOr<Json> Call(const std::string& method, const std::string& path,
                            const std::string& body) const;

  const std::string name_;
  const std::string base_;
  const HttpLogin login_;
};

// A field's value, or what stands for it when it is missing or of another type.
std::string TextOf(const Json& json, const char* key);
double NumberOf(const Json& json, const char* key, double otherwise);
// Null when the field is missing.
const Json& FieldOf(const Json& json, const char* key);

}  // namespace batchsql::cli
