#pragma once

#include "batchsql/v1/ingest.grpc.pb.h"
#include "core/ingestor.h"
#include "server/grpc/call_metrics.h"
#include "server/grpc/open_streams.h"
#include "server/live_limits.h"

namespace batchsql {

// Write and WriteStream are served from the received bytes, without generated message classes.
using IngestServiceBase = v1::Ingest::WithRawCallbackMethod_Write<
    v1::Ingest::WithRawCallbackMethod_WriteStream<v1::Ingest::WithCallbackMethod_DescribeTable<
        v1::Ingest::WithCallbackMethod_ListTables<v1::Ingest::Service>>>>;

// batchsql.v1.Ingest over an Ingestor, which must outlive it, as the metrics must. Called by gRPC's
// threads.
class IngestService : public IngestServiceBase {
 public:
  IngestService(Ingestor& ingestor, const LiveLimits& limits, GrpcMetrics& metrics)
      : ingestor_(ingestor), limits_(limits), metrics_(metrics) {}

  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* WriteStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* DescribeTable(grpc::CallbackServerContext* context,
                                          const v1::DescribeTableRequest* request,
                                          v1::DescribeTableResponse* response) override;
  grpc::ServerUnaryReactor* ListTables(grpc::CallbackServerContext* context,
                                       const v1::ListTablesRequest* request,
                                       v1::ListTablesResponse* response) override;

  // Streams take no more requests, answer what they have, and end with UNAVAILABLE.
  void StopStreams() { streams_.StopAll(); }

 private:
  Ingestor& ingestor_;
  const LiveLimits& limits_;
  GrpcMetrics& metrics_;
  OpenStreams streams_;
};

}  // namespace batchsql
