#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "core/ingestor.h"
#include "server/decode/row_source.h"

namespace batchsql {

// Serves one Ingest.WriteStream. The reactor owns itself and goes when the stream is over.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* MakeWriteStreamCall(
    Ingestor& ingestor, const RequestLimits& limits);

}  // namespace batchsql
