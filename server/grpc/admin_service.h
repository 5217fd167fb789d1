#pragma once

#include <chrono>

#include "batchsql/v1/admin.grpc.pb.h"
#include "core/ingestor.h"
#include "server/grpc/call_metrics.h"
#include "server/grpc/call_queue.h"
#include "server/last_reload.h"
#include "server/live_limits.h"

namespace batchsql {

// batchsql.v1.Admin over an Ingestor. What it is made of must outlive it. Called by gRPC's threads;
// what waits for disks or databases runs on threads of its own.
class AdminService : public v1::Admin::CallbackService {
 public:
  AdminService(Ingestor& ingestor, const LiveLimits& limits, const LastReload& last_reload,
               GrpcMetrics& metrics)
      : ingestor_(ingestor), limits_(limits), last_reload_(last_reload), metrics_(metrics) {}

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
  grpc::ServerUnaryReactor* Audit(grpc::CallbackServerContext* context,
                                  const v1::AuditRequest* request,
                                  v1::AuditResponse* response) override;
  grpc::ServerUnaryReactor* ListProducers(grpc::CallbackServerContext* context,
                                          const v1::ListProducersRequest* request,
                                          v1::ListProducersResponse* response) override;
  grpc::ServerUnaryReactor* ForgetProducers(grpc::CallbackServerContext* context,
                                            const v1::ForgetProducersRequest* request,
                                            v1::ForgetProducersResponse* response) override;
  grpc::ServerUnaryReactor* ReconcileTable(grpc::CallbackServerContext* context,
                                           const v1::ReconcileTableRequest* request,
                                           v1::ReconcileTableResponse* response) override;

 private:
  static grpc::ServerUnaryReactor* Queue(CallQueue& calls, grpc::CallbackServerContext* context,
                                         CallMetrics& metrics,
                                         absl::AnyInvocable<absl::Status()> call);

  Ingestor& ingestor_;
  const LiveLimits& limits_;
  const LastReload& last_reload_;
  GrpcMetrics& metrics_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  CallQueue calls_;
  CallQueue audits_;  // they take long
};

}  // namespace batchsql
