#pragma once

#include <grpcpp/impl/codegen/service_type.h>

namespace batchsql::bench {

// Serves on a free port of loopback, with the settings of gRPC that batchsqld has: prints `port=…`
// and returns when standard input has ended and the calls under way have been answered. The
// program's exit status.
int ServeUntilInputEnds(grpc::Service& service);

}  // namespace batchsql::bench
