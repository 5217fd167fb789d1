#include "server/grpc/status_details.h"

#include <protozero/pbf_writer.hpp>
#include <string>

#include "core/limit_error.h"

namespace batchsql {
namespace {

constexpr int32_t kRetrySeconds = 1;

// Field numbers of google/rpc/status.proto and google/rpc/error_details.proto, which Debian does
// not package: https://github.com/googleapis/googleapis/tree/master/google/rpc
std::string AnyOf(const char* type_url, const std::string& message) {
  std::string any;
  protozero::pbf_writer writer(any);
  writer.add_string(1, type_url);
  writer.add_bytes(2, message);
  return any;
}

std::string RetryInfo() {
  std::string duration;
  protozero::pbf_writer(duration).add_int64(1, kRetrySeconds);
  std::string info;
  protozero::pbf_writer(info).add_message(1, duration);
  return AnyOf("type.googleapis.com/google.rpc.RetryInfo", info);
}

std::string BadRequest(const std::string& description) {
  std::string violation;
  protozero::pbf_writer(violation).add_string(2, description);
  std::string request;
  protozero::pbf_writer(request).add_message(1, violation);
  return AnyOf("type.googleapis.com/google.rpc.BadRequest", request);
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());
  std::string detail;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return grpc::Status::OK;
    case absl::StatusCode::kInvalidArgument:
      detail = BadRequest(message);
      break;
    case absl::StatusCode::kResourceExhausted:
      // What passed a limit by itself would pass it again; what is all used stays so.
      if (IsLimitPassed(status) || IsNoneLeft(status)) return {code, message};
      detail = RetryInfo();
      break;
    case absl::StatusCode::kUnavailable:
      detail = RetryInfo();
      break;
    default:
      return {code, message};
  }
  std::string details;
  protozero::pbf_writer writer(details);
  writer.add_int32(1, static_cast<int32_t>(status.code()));
  writer.add_string(2, message);
  writer.add_message(3, detail);
  return {code, message, details};
}

}  // namespace batchsql
