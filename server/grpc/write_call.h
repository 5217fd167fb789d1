#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "core/ingestor.h"
#include "server/decode/row_source.h"
#include "server/grpc/call_metrics.h"

namespace batchsql {

// Serves one Ingest.Write: takes the rows and ends the call when they reached the level asked for,
// or when the client gives it up. Returns at once; `response` is filled from another thread. gRPC
// owns the reactor.
grpc::ServerUnaryReactor* ServeWrite(Ingestor& ingestor, const RequestLimits& limits,
                                     GrpcMetrics& metrics, const grpc::ByteBuffer& message,
                                     grpc::ByteBuffer* response);

}  // namespace batchsql
