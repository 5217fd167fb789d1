#include "cli/loader.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "cli/column_form.h"
#include "cli/connection.h"
#include "cli/csv_reader.h"
#include "cli/ndjson_reader.h"

namespace batchsql::cli {
namespace {

constexpr std::chrono::milliseconds kWatchEvery{50};

std::unique_ptr<ChunkReader> MakeReader(const LoadOptions& options, InputFile& input,
                                        const ColumnPlan& plan) {
  if (options.format == FileFormat::kCsv) {
    return std::make_unique<CsvReader>(input, options.limits, options.null_text);
  }
  return std::make_unique<NdjsonReader>(input, options.limits, plan);
}

}  // namespace

Loader::Loader(LoadOptions options, v1::Ingest::StubInterface& stub, InputFile& input,
               RejectReport& rejects, Progress& progress, const StopFlags& stop)
    : options_(std::move(options)),
      stub_(stub),
      input_(input),
      rejects_(rejects),
      progress_(progress),
      stop_(stop),
      started_(std::chrono::steady_clock::now()) {}

// Asks for the table's columns. A table that is not there is made from the first rows.
absl::Status Loader::Plan() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::DescribeTableRequest request;
  request.set_table(options_.stream.table);
  v1::DescribeTableResponse response;
  absl::Status status = FromGrpc(stub_.DescribeTable(&context, request, &response));
  if (absl::IsNotFound(status)) return absl::OkStatus();
  if (!status.ok()) return status;
  for (const v1::ColumnDescription& column : response.columns()) {
    plan_[column.name()] = CellKindOf(column.type());
  }
  return absl::OkStatus();
}

bool Loader::KnowsColumns(const Chunk& chunk) const {
  const auto& columns = chunk.request.columns().columns();
  return std::all_of(columns.begin(), columns.end(),
                     [this](const v1::Column& column) { return plan_.contains(column.name()); });
}

// Reads the first chunk; where it has columns that the table has not, for which the server may make
// them, as many rows as it takes to infer their kinds.
absl::Status Loader::ReadHead() {
  reader_ = MakeReader(options_, input_, plan_);
  uint64_t rows = 0;
  absl::Status status;
  do {
    Chunk chunk;
    const absl::StatusOr<bool> read = reader_->Next(&chunk);
    if (!read.ok()) status = read.status();
    if (!read.ok() || !*read) break;
    rows += chunk.rows;
    head_.push_back(std::move(chunk));
  } while (rows < options_.sample_rows && !KnowsColumns(head_.front()));
  for (const auto& [name, kind] : InferPlan(head_, options_.format == FileFormat::kNdjson)) {
    plan_.emplace(name, kind);  // what the server said stays
  }
  return status;
}

// Sends the head and the rest of the file.
absl::Status Loader::Pump(LoadStream& stream) {
  for (Chunk& chunk : head_) {
    ApplyPlan(plan_, &chunk.request);
    if (!stream.Send(std::move(chunk))) return absl::OkStatus();
  }
  while (true) {
    if (stop_.stop) return absl::CancelledError("stopped by the user");
    Chunk chunk;
    const absl::StatusOr<bool> read = reader_->Next(&chunk);
    if (!read.ok()) return read.status();
    if (!*read) return absl::OkStatus();
    ApplyPlan(plan_, &chunk.request);
    if (!stream.Send(std::move(chunk))) return absl::OkStatus();
  }
}

LoadOutcome Loader::Run() {
  LoadOutcome outcome;
  outcome.server = Plan();
  if (!outcome.server.ok()) return outcome;
  outcome.input = ReadHead();
  if (head_.empty() || absl::IsCancelled(outcome.input)) return outcome;
  LoadStream stream(stub_, options_.stream, [this](const Reject& reject) { rejects_.Add(reject); });
  std::thread pump([&] {
    // After malformed input in the head only the head is sent.
    const absl::Status pumped = Pump(stream);
    if (outcome.input.ok()) outcome.input = pumped;
    outcome.server = stream.Finish();
    MutexLock lock(mutex_);
    done_ = true;
    pumped_.NotifyAll();
  });
  Watch(stream);
  pump.join();
  const StreamProgress progress = stream.progress();
  outcome.rows = progress.rows_accepted;
  outcome.rejected = progress.rows_rejected;
  return outcome;
}

void Loader::Watch(LoadStream& stream) {
  bool stopping = false;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!done_) pumped_.WaitUntil(mutex_, std::chrono::steady_clock::now() + kWatchEvery);
      if (done_) break;
    }
    progress_.Update(Sample(stream.progress()));
    if (stop_.stop && !std::exchange(stopping, true)) {
      progress_.Print("stopping: waiting for what was sent; once more ends at once");
    }
    if (stop_.abort) stream.Cancel();
  }
  progress_.Clear();
}

ProgressSample Loader::Sample(const StreamProgress& progress) const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started_;
  return {elapsed.count(), progress.rows_accepted, progress.rows_rejected, progress.file_offset,
          input_.size()};
}

}  // namespace batchsql::cli
