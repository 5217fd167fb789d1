#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace batchsql {

// A status as gRPC sends it, with the details that belong to its code: INVALID_ARGUMENT a
// google.rpc.BadRequest, RESOURCE_EXHAUSTED and UNAVAILABLE a google.rpc.RetryInfo.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace batchsql
