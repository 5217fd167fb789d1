// Sends the rows of a workload file over one gRPC stream, level DATABASE, as fast as they are
// taken. The messages are encoded before the clock starts; it stops when the last one is
// acknowledged. Prints `rows=… seconds=…`.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "batchsql/v1/ingest.pb.h"
#include "core/civil_time.h"
#include "core/mutex.h"
#include "tests/bench/workload_file.h"

namespace batchsql::bench {
namespace {

constexpr char kMethod[] = "/batchsql.v1.Ingest/WriteStream";
const char* const kColumns[] = {"id", "ts", "user_id", "name", "amount", "payload"};

void AddRow(const WorkloadRow& row, v1::Rows* rows) {
  v1::Row* const cells = rows->add_rows();
  cells->add_values()->set_int_value(row.id);
  cells->add_values()->set_timestamp_us(*ParseTimestamp(row.ts));
  cells->add_values()->set_int_value(row.user_id);
  cells->add_values()->set_text_value(row.name);
  cells->add_values()->set_double_value(row.amount);
  cells->add_values()->set_text_value(row.payload);
}

void AddText(const std::string& text, v1::Blobs* blobs) {
  blobs->mutable_data()->append(text);
  blobs->add_ends(static_cast<uint32_t>(blobs->data().size()));
}

void AddToColumns(const WorkloadRow& row, v1::Columns* columns) {
  columns->set_row_count(columns->row_count() + 1);
  columns->mutable_columns(0)->mutable_ints()->add_values(row.id);
  columns->mutable_columns(1)->mutable_timestamps_us()->add_values(*ParseTimestamp(row.ts));
  columns->mutable_columns(2)->mutable_ints()->add_values(row.user_id);
  AddText(row.name, columns->mutable_columns(3)->mutable_texts());
  columns->mutable_columns(4)->mutable_doubles()->add_values(row.amount);
  AddText(row.payload, columns->mutable_columns(5)->mutable_texts());
}

grpc::ByteBuffer Encode(const std::vector<WorkloadRow>& rows, size_t begin, size_t end,
                        const std::string& table, bool columns) {
  v1::WriteStreamRequest request;
  if (begin == 0) {
    request.set_table(table);
    request.set_ack(v1::ACK_LEVEL_DATABASE);
  }
  for (const char* name : kColumns) {
    if (columns) {
      request.mutable_columns()->add_columns()->set_name(name);
    } else {
      request.mutable_rows()->add_columns(name);
    }
  }
  for (size_t i = begin; i < end; ++i) {
    if (columns) {
      AddToColumns(rows[i], request.mutable_columns());
    } else {
      AddRow(rows[i], request.mutable_rows());
    }
  }
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

// Writes message after message and waits until all are committed. Called by gRPC's threads; the
// main thread waits in Wait.
class Sender : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Sender(std::vector<grpc::ByteBuffer> messages) : messages_(std::move(messages)) {}

  void Start() {
    StartRead(&received_);
    StartWrite(&messages_[0]);
    StartCall();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    if (++sent_ < messages_.size()) {
      StartWrite(&messages_[sent_]);
    } else {
      StartWritesDone();
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    grpc::Slice slice;
    v1::WriteStreamResponse response;
    if (received_.DumpToSingleSlice(&slice).ok() &&
        response.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
      rows_committed_ = response.rows_committed();
    }
    StartRead(&received_);
  }

  void OnDone(const grpc::Status& status) override {
    MutexLock lock(mutex_);
    status_ = status;
    done_ = true;
    finished_.NotifyAll();
  }

  grpc::Status Wait() {
    MutexLock lock(mutex_);
    while (!done_) finished_.Wait(mutex_);
    return status_;
  }

  uint64_t rows_committed() const { return rows_committed_; }

 private:
  std::vector<grpc::ByteBuffer> messages_;
  size_t sent_ = 0;
  grpc::ByteBuffer received_;
  uint64_t rows_committed_ = 0;
  Mutex mutex_;
  CondVar finished_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

int Main(int argc, char** argv) {
  std::string server = "127.0.0.1:50051";
  std::string table = "events";
  std::string file;
  std::string form = "rows";
  size_t rows_per_message = 1000;
  CLI::App app("sends a workload file over one gRPC stream");
  app.add_option("--server", server);
  app.add_option("--table", table);
  app.add_option("--form", form)->check(CLI::IsMember({"rows", "columns"}));
  app.add_option("--rows-per-message", rows_per_message)->check(CLI::PositiveNumber);
  app.add_option("file", file)->required();
  CLI11_PARSE(app, argc, argv);

  const std::vector<WorkloadRow> rows = ReadWorkloadFile(file);
  std::vector<grpc::ByteBuffer> messages;
  for (size_t begin = 0; begin < rows.size(); begin += rows_per_message) {
    const size_t end = std::min(rows.size(), begin + rows_per_message);
    messages.push_back(Encode(rows, begin, end, table, form == "columns"));
  }
  grpc::GenericStub stub(grpc::CreateChannel(server, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  Sender sender(std::move(messages));
  stub.PrepareBidiStreamingCall(&context, kMethod, {}, &sender);
  const auto begun = std::chrono::steady_clock::now();
  sender.Start();
  const grpc::Status status = sender.Wait();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  if (!status.ok() || sender.rows_committed() != rows.size()) {
    (void)std::fprintf(stderr, "stream ended: code %d %s; %llu of %zu rows committed\n",
                       status.error_code(), status.error_message().c_str(),
                       static_cast<unsigned long long>(sender.rows_committed()), rows.size());
    return 1;
  }
  (void)std::printf("rows=%zu seconds=%.3f\n", rows.size(), seconds.count());
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
