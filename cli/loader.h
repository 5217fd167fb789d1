#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "batchsql/v1/ingest.grpc.pb.h"
#include "cli/cell_kind.h"
#include "cli/chunk.h"
#include "cli/input_file.h"
#include "cli/load_stream.h"
#include "cli/progress.h"
#include "cli/reject_report.h"
#include "core/mutex.h"

namespace batchsql::cli {

enum class FileFormat { kCsv, kNdjson };

// What the user does while a load runs. Set by a signal handler.
struct StopFlags {
  std::atomic<bool> stop{false};   // send nothing more, wait for what was sent
  std::atomic<bool> abort{false};  // do not even wait
};

struct LoadOptions {
  FileFormat format = FileFormat::kCsv;
  ChunkLimits limits;
  std::optional<std::string> null_text;
  StreamOptions stream;
  // Rows from which the kinds of columns that do not exist yet are inferred.
  uint64_t sample_rows = 10'000;
};

struct LoadOutcome {
  uint64_t rows = 0;  // accepted at the level asked for
  uint64_t rejected = 0;
  absl::Status input;   // INVALID_ARGUMENT: malformed; CANCELLED: the user stopped it
  absl::Status server;  // not OK: refused, or lost
};

// Loads one file into one table: one use. Reads and parses on a thread of its own, while LoadStream
// sends and receives on its two and the caller's thread shows the progress.
class Loader {
 public:
  // Everything but the options outlives the loader.
  Loader(LoadOptions options, v1::Ingest::StubInterface& stub, InputFile& input,
         RejectReport& rejects, Progress& progress, const StopFlags& stop);

  LoadOutcome Run();

 private:
  absl::Status Plan();
  bool KnowsColumns(const Chunk& chunk) const;
  absl::Status ReadHead();
  absl::Status Pump(LoadStream& stream);
  void Watch(LoadStream& stream);
  ProgressSample Sample(const StreamProgress& progress) const;

  const LoadOptions options_;
  v1::Ingest::StubInterface& stub_;
  InputFile& input_;
  RejectReport& rejects_;
  Progress& progress_;
  const StopFlags& stop_;
  const std::chrono::steady_clock::time_point started_;

  ColumnPlan plan_;
  std::unique_ptr<ChunkReader> reader_;
  std::vector<Chunk> head_;  // read before the stream is opened

  Mutex mutex_;
  CondVar pumped_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql::cli
