// Answers every Write with an empty message, and does nothing else: what a unary call costs by
// itself. Prints `port=…` and serves until its standard input ends.

#include <grpcpp/grpcpp.h>

#include "batchsql/v1/ingest.grpc.pb.h"
#include "tests/bench/serving.h"

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

}  // namespace
}  // namespace batchsql::bench

int main() {
  batchsql::bench::EmptyService service;
  return batchsql::bench::ServeUntilInputEnds(service);
}
