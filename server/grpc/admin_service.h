#pragma once

#include <chrono>

#include "batchsql/v1/admin.grpc.pb.h"
#include "core/ingestor.h"
#include "server/decode/row_source.h"
#include "server/grpc/call_queue.h"

namespace batchsql {

// batchsql.v1.Admin over an Ingestor, which must outlive it. Called by gRPC's threads; what waits
// for disks runs on a thread of its own.
class AdminService : public v1::Admin::CallbackService {
 public:
  AdminService(Ingestor& ingestor, const RequestLimits& limits)
      : ingestor_(ingestor), limits_(limits) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const v1::StatusRequest* request,
                                   v1::StatusResponse* response) override;
  grpc::ServerUnaryReactor* ListDeadLetters(grpc::CallbackServerContext* context,
                                            const v1::ListDeadLettersRequest* request,
                                            v1::ListDeadLettersResponse* response) override;
  grpc::ServerUnaryReactor* GetDeadLetter(grpc::CallbackServerContext* context,
                                          const v1::GetDeadLetterRequest* request,
                                          v1::GetDeadLetterResponse* response) override;
  grpc::ServerUnaryReactor* ReplayDeadLetters(grpc::CallbackServerContext* context,
                                              const v1::ReplayDeadLettersRequest* request,
                                              v1::ReplayDeadLettersResponse* response) override;
  grpc::ServerUnaryReactor* PurgeDeadLetters(grpc::CallbackServerContext* context,
                                             const v1::PurgeDeadLettersRequest* request,
                                             v1::PurgeDeadLettersResponse* response) override;
  grpc::ServerUnaryReactor* ListProducers(grpc::CallbackServerContext* context,
                                          const v1::ListProducersRequest* request,
                                          v1::ListProducersResponse* response) override;
  grpc::ServerUnaryReactor* ForgetProducers(grpc::CallbackServerContext* context,
                                            const v1::ForgetProducersRequest* request,
                                            v1::ForgetProducersResponse* response) override;

 private:
  grpc::ServerUnaryReactor* Queue(grpc::CallbackServerContext* context,
                                  absl::AnyInvocable<absl::Status()> call);

  Ingestor& ingestor_;
  const RequestLimits limits_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  CallQueue calls_;
};

}  // namespace batchsql
