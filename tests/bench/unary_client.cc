// Calls Write once for each row of a workload file, level DATABASE, with a bounded number of calls
// in flight; with --empty, sends empty messages instead, as many, to bench_empty_server. The
// messages are encoded before the clock starts. Prints `rows=… seconds=…`.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "tests/bench/requests.h"

namespace batchsql::bench {
namespace {

constexpr char kMethod[] = "/batchsql.v1.Ingest/Write";

// Keeps calls in flight until every message has been answered. Called by gRPC's threads and one
// that starts and waits; ends with Run's return.
class Caller {
 public:
  Caller(grpc::GenericStub* stub, std::vector<grpc::ByteBuffer> messages, bool empty)
      : stub_(stub), messages_(std::move(messages)), empty_(empty) {}

  // False: a call failed, or wrote no row.
  bool Run(size_t in_flight) {
    for (size_t i = 0; i < in_flight; ++i) Call();
    MutexLock lock(mutex_);
    while (open_ > 0) finished_.Wait(mutex_);
    return !failed_;
  }

 private:
  struct Open {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
  };

  std::optional<size_t> Next() {
    MutexLock lock(mutex_);
    if (failed_ || next_ == messages_.size()) return std::nullopt;
    ++open_;
    return next_++;
  }

  void Call() {
    const std::optional<size_t> message = Next();
    if (!message.has_value()) return;
    auto call = std::make_shared<Open>();
    call->context.set_wait_for_ready(true);
    stub_->UnaryCall(&call->context, kMethod, {}, &messages_[*message], &call->response,
                     [this, call](const grpc::Status& status) { Finish(status, call->response); });
  }

  void Finish(const grpc::Status& status, grpc::ByteBuffer& response) {
    const bool good = status.ok() && (empty_ || WroteOneRow(response));
    if (!good) {
      (void)std::fprintf(stderr, "call: code %d %s\n", status.error_code(),
                         status.error_message().c_str());
    }
    {
      MutexLock lock(mutex_);
      failed_ = failed_ || !good;
    }
    Call();
    MutexLock lock(mutex_);
    if (--open_ == 0) finished_.NotifyAll();
  }

  static bool WroteOneRow(grpc::ByteBuffer& bytes) {
    grpc::Slice slice;
    v1::WriteResponse response;
    return bytes.DumpToSingleSlice(&slice).ok() &&
           response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())) &&
           response.accepted() == 1;
  }

  grpc::GenericStub* const stub_;
  const std::vector<grpc::ByteBuffer> messages_;
  const bool empty_;
  Mutex mutex_;
  CondVar finished_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
};

int Main(int argc, char** argv) {
  std::string server = "127.0.0.1:50051";
  std::string table = "events";
  std::string file;
  size_t in_flight = 64;
  bool empty = false;
  CLI::App app("writes a workload file row by row in unary calls");
  app.add_option("--server", server);
  app.add_option("--table", table);
  app.add_option("--in-flight", in_flight)->check(CLI::PositiveNumber);
  app.add_flag("--empty", empty);
  app.add_option("file", file)->required();
  CLI11_PARSE(app, argc, argv);

  std::vector<grpc::ByteBuffer> messages;
  for (const WorkloadRow& row : ReadWorkloadFile(file)) {
    messages.push_back(ToBuffer(
        empty ? std::string()
              : EncodeRequest({&row, 1}, RequestForm::kRows, table, v1::ACK_LEVEL_DATABASE)));
  }
  grpc::GenericStub stub(grpc::CreateChannel(server, grpc::InsecureChannelCredentials()));
  const size_t calls = messages.size();
  Caller caller(&stub, std::move(messages), empty);
  const auto begun = std::chrono::steady_clock::now();
  if (!caller.Run(in_flight)) return 1;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  (void)std::printf("rows=%zu seconds=%.3f\n", calls, seconds.count());
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
