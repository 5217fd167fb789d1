// The least that a unary call which is committed can cost: takes the one row of each Write, commits
// all that wait by one COPY BINARY, and answers them; the next come with the next. No journal, no
// watermark, no checks. Prints `port=…` and serves until its standard input ends.
// Usage: bare_server DSN; the table `events` must exist.

#include <grpcpp/grpcpp.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "batchsql/v1/ingest.grpc.pb.h"
#include "core/mutex.h"
#include "tests/bench/binary_copy.h"
#include "tests/bench/copy_connection.h"
#include "tests/bench/requests.h"
#include "tests/bench/serving.h"

namespace batchsql::bench {
namespace {

// Called by gRPC's threads and by the one that commits.
class BareService : public v1::Ingest::CallbackService {
 public:
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::WriteRequest* request,
                                  v1::WriteResponse* response) override {
    response->set_accepted(1);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    MutexLock lock(mutex_);
    waiting_.rows.push_back(ReadRow(request->rows().rows(0)));
    waiting_.calls.push_back(reactor);
    came_.NotifyOne();
    return reactor;
  }

  // Until Stop.
  void CommitAll(CopyConnection& connection) {
    std::string stream;
    for (Batch batch = Take(); !batch.calls.empty(); batch = Take()) {
      stream.clear();
      AppendBinaryCopy(batch.rows, &stream);
      connection.Copy(kCopyRows, stream);
      for (grpc::ServerUnaryReactor* call : batch.calls) call->Finish(grpc::Status::OK);
    }
  }

  void Stop() {
    MutexLock lock(mutex_);
    stopped_ = true;
    came_.NotifyOne();
  }

 private:
  struct Batch {
    std::vector<WorkloadRow> rows;
    std::vector<grpc::ServerUnaryReactor*> calls;
  };

  Batch Take() {
    MutexLock lock(mutex_);
    while (waiting_.calls.empty() && !stopped_) came_.Wait(mutex_);
    return std::exchange(waiting_, {});
  }

  Mutex mutex_;
  CondVar came_;
  Batch waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

int Main(int argc, char** argv) {
  if (argc != 2) return 2;
  CopyConnection connection(argv[1]);
  BareService service;
  std::thread committing([&] { service.CommitAll(connection); });
  const int status = ServeUntilInputEnds(service);
  service.Stop();
  committing.join();
  return status;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
