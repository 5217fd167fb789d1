#include "cli/call.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>

namespace batchsql::cli {

int Fail(const absl::Status& status, const std::string& what) {
  std::fprintf(stderr, "batchsql: %s\n", what.c_str());
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitServer;
}

int Fail(const absl::Status& status) { return Fail(status, std::string(status.message())); }

int PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return Fail(absl::InternalError(""), status.ToString());
  std::fputs(json.c_str(), stdout);
  return kExitOk;
}

}  // namespace batchsql::cli
