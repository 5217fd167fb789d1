// Sends the rows of a workload file over gRPC streams, as fast as they are taken or at a given
// rate. The messages are encoded before the clock starts; it stops when the last one is
// acknowledged. Prints `rows=… seconds=… p50_ms=… p99_ms=…`; the latencies are from the time that a
// message was due to its acknowledgement.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/percentile.h"
#include "tests/bench/requests.h"
#include "tests/bench/stream_sender.h"

namespace batchsql::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string server = "127.0.0.1:50051";
  std::string table = "events";
  std::string file;
  RequestForm form = RequestForm::kRows;
  v1::AckLevel ack = v1::ACK_LEVEL_DATABASE;
  size_t rows_per_message = 1000;
  size_t streams = 1;
  size_t channels = 1;
  size_t tables = 1;
  size_t unacknowledged_max = SIZE_MAX;
  double rows_per_second = 0;
};

void Declare(CLI::App& app, Options* options) {
  static const std::map<std::string, RequestForm> kForms = {{"rows", RequestForm::kRows},
                                                            {"columns", RequestForm::kColumns}};
  static const std::map<std::string, v1::AckLevel> kLevels = {{"memory", v1::ACK_LEVEL_MEMORY},
                                                              {"journal", v1::ACK_LEVEL_JOURNAL},
                                                              {"database", v1::ACK_LEVEL_DATABASE}};
  app.add_option("--server", options->server);
  app.add_option("--table", options->table);
  app.add_option("--form", options->form)->transform(CLI::CheckedTransformer(kForms));
  app.add_option("--ack", options->ack)->transform(CLI::CheckedTransformer(kLevels));
  app.add_option("--rows-per-message", options->rows_per_message)->check(CLI::PositiveNumber);
  app.add_option("--streams", options->streams)->check(CLI::PositiveNumber);
  app.add_option("--channels", options->channels, "connections that the streams share")
      ->check(CLI::PositiveNumber);
  app.add_option("--tables", options->tables, "more than one: NAME_0, NAME_1 …, streams in turn")
      ->check(CLI::PositiveNumber);
  app.add_option("--unacknowledged-max", options->unacknowledged_max, "messages of one stream")
      ->check(CLI::PositiveNumber);
  app.add_option("--rows-per-second", options->rows_per_second, "0: as fast as they are taken");
  app.add_option("file", options->file)->required();
}

using Messages = std::vector<grpc::ByteBuffer>;

// Deals the rows out, message by message, to one stream after the other.
std::vector<Messages> EncodeAll(const Options& options, const std::vector<WorkloadRow>& rows) {
  std::vector<Messages> streams(options.streams);
  size_t next = 0;
  for (size_t begin = 0; begin < rows.size(); begin += options.rows_per_message) {
    const size_t stream = next++ % options.streams;
    const bool is_first = streams[stream].empty();
    const std::string table = options.tables == 1
                                  ? options.table
                                  : absl::StrCat(options.table, "_", stream % options.tables);
    const auto part = absl::MakeConstSpan(rows).subspan(begin, options.rows_per_message);
    streams[stream].push_back(
        ToBuffer(EncodeRequest(part, options.form, is_first ? table : "",
                               is_first ? options.ack : v1::ACK_LEVEL_UNSPECIFIED)));
  }
  std::erase_if(streams, [](const Messages& messages) { return messages.empty(); });
  return streams;
}

// Offers one message after the other when it is due, whether or not earlier ones were answered.
void OfferAtRate(const Options& options, size_t messages,
                 const std::vector<std::unique_ptr<StreamSender>>& senders) {
  const std::chrono::duration<double> apart(static_cast<double>(options.rows_per_message) /
                                            options.rows_per_second);
  const Clock::time_point begun = Clock::now();
  for (size_t i = 0; i < messages; ++i) {
    const Clock::time_point due =
        begun + std::chrono::duration_cast<Clock::duration>(apart * static_cast<double>(i));
    std::this_thread::sleep_until(due);
    senders[i % senders.size()]->Offer(due);
  }
}

grpc::GenericStub ConnectOnItsOwn(const std::string& server, size_t number) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("batchsql.bench.channel", static_cast<int>(number));  // not to share it
  return grpc::GenericStub(
      grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
}

// 0 where everything was acknowledged; prints what was not.
int Report(const Options& options, size_t rows, Clock::time_point begun,
           const std::vector<std::unique_ptr<StreamSender>>& senders) {
  uint64_t committed = 0;
  bool complete = true;
  std::vector<double> latencies;
  for (const auto& sender : senders) {
    const grpc::Status status = sender->Wait();
    complete = complete && status.ok() && sender->complete();
    committed += sender->rows_committed();
    if (!status.ok()) {
      (void)std::fprintf(stderr, "stream ended: code %d %s\n", status.error_code(),
                         status.error_message().c_str());
    }
    latencies.insert(latencies.end(), sender->latencies_ms().begin(), sender->latencies_ms().end());
  }
  const std::chrono::duration<double> seconds = Clock::now() - begun;
  if (!complete || (options.ack == v1::ACK_LEVEL_DATABASE && committed != rows)) {
    (void)std::fprintf(stderr, "%llu of %zu rows committed\n",
                       static_cast<unsigned long long>(committed), rows);
    return 1;
  }
  (void)std::printf("rows=%zu seconds=%.3f p50_ms=%.3f p99_ms=%.3f\n", rows, seconds.count(),
                    Percentile(latencies, 0.5), Percentile(latencies, 0.99));
  return 0;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("sends a workload file over gRPC streams");
  Declare(app, &options);
  CLI11_PARSE(app, argc, argv);

  const std::vector<WorkloadRow> rows = ReadWorkloadFile(options.file);
  std::vector<grpc::GenericStub> stubs;
  for (size_t i = 0; i < options.channels; ++i) stubs.push_back(ConnectOnItsOwn(options.server, i));
  std::vector<std::unique_ptr<StreamSender>> senders;
  size_t messages = 0;
  for (Messages& stream : EncodeAll(options, rows)) {
    messages += stream.size();
    senders.push_back(
        std::make_unique<StreamSender>(std::move(stream), options.unacknowledged_max, options.ack));
  }
  const Clock::time_point begun = Clock::now();
  for (size_t i = 0; i < senders.size(); ++i) senders[i]->Start(stubs[i % stubs.size()]);
  if (options.rows_per_second > 0) {
    OfferAtRate(options, messages, senders);
  } else {
    for (const auto& sender : senders) sender->OfferAll();
  }
  return Report(options, rows.size(), begun, senders);
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
