#include "tests/bench/serving.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>

#include "absl/synchronization/mutex.h"

namespace batchsql::bench {

int ServeUntilInputEnds(grpc::Service& service) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
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

}  // namespace batchsql::bench
