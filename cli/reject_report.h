#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "batchsql/v1/ingest.pb.h"
#include "core/mutex.h"

namespace batchsql::cli {

// A refused row, with its place in the file.
struct Reject {
  uint64_t line = 0;
  uint64_t row = 0;  // ordinal in the file, from 1; a header is no row
  const v1::RejectedRow* what = nullptr;
};

// "wrong_type" for REJECT_REASON_WRONG_TYPE.
std::string ReasonName(v1::RejectReason reason);

// Tells the user of refused rows: the first few as lines, all of them in a file of NDJSON if asked.
// Any thread. Ends with its destruction, which closes the file.
class RejectReport {
 public:
  using Print = std::function<void(const std::string& line)>;
  static constexpr uint64_t kPrintedMax = 20;

  // `rejects_path` empty: no file. INVALID_ARGUMENT when the file cannot be written.
  static absl::StatusOr<std::unique_ptr<RejectReport>> Create(std::string input_name,
                                                              const std::string& rejects_path,
                                                              Print print);

  void Add(const Reject& reject);
  // Says how many were not printed, and closes the file. An error of writing it is returned.
  absl::Status Finish();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  RejectReport(std::string input_name, Print print);

  const std::string input_name_;
  const Print print_;
  Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<std::FILE, Closer> file_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql::cli
