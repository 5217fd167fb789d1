// Answers every Write with an empty message, and does nothing else: what a unary call costs by
// itself. Prints `port=…` and serves until its standard input ends.

#include <grpcpp/grpcpp.h>

#include <cstdio>

#include "absl/synchronization/mutex.h"
#include "batchsql/v1/ingest.grpc.pb.h"

namespace batchsql::bench {
namespace {

class EmptyService : public v1::Ingest::CallbackService {
 public:
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::WriteRequest* /*request*/,
                                  v1::WriteResponse* /*response*/) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int Main() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as batchsqld does
  EmptyService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  (void)std::printf("port=%d\n", port);
  (void)std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server->Shutdown();
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main() { return batchsql::bench::Main(); }
