#pragma once

#include <chrono>

#include "batchsql/v1/admin.grpc.pb.h"
#include "core/ingestor.h"

namespace batchsql {

// batchsql.v1.Admin over an Ingestor, which must outlive it. Called by gRPC's threads.
class AdminService : public v1::Admin::CallbackService {
 public:
  explicit AdminService(Ingestor& ingestor) : ingestor_(ingestor) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const v1::StatusRequest* request,
                                   v1::StatusResponse* response) override;

 private:
  Ingestor& ingestor_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace batchsql
