#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "core/ingestor.h"
#include "server/grpc/call_metrics.h"
#include "server/grpc/open_streams.h"
#include "server/live_limits.h"

namespace batchsql {

// Serves one Ingest.WriteStream. The reactor owns itself and goes when the stream is over. While it
// is in `streams`, it can be told to take no more requests.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* MakeWriteStreamCall(
    Ingestor& ingestor, const LiveLimits& limits, GrpcMetrics& metrics, OpenStreams& streams);

}  // namespace batchsql
