#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "core/mutex.h"

namespace batchsql::cli {

struct ProgressSample {
  double seconds = 0;  // since the start
  uint64_t rows_accepted = 0;
  uint64_t rows_rejected = 0;
  uint64_t bytes_done = 0;
  std::optional<uint64_t> bytes_total;  // unknown for a pipe
};

// "1,234,567"
std::string WithSeparators(uint64_t number);

// One line of at most `columns` characters: bar, percentage, rows, rows/s, time left. Without
// bytes_total only rows and rows/s.
std::string FormatBar(const ProgressSample& sample, size_t columns);

// The same as words, for a log.
std::string FormatLine(const ProgressSample& sample);

// Shows progress on standard error: a bar that is redrawn at most ten times a second on a terminal,
// a line every few seconds elsewhere. It changes no setting of the terminal, so that nothing is
// left behind however the program ends; Clear takes the bar away. Any thread.
class Progress {
 public:
  Progress(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}

  void Update(const ProgressSample& sample);
  // A line of its own, above the bar.
  void Print(const std::string& line);
  void Clear();

 private:
  std::FILE* const out_;
  const bool terminal_;
  Mutex mutex_;
  double shown_at_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string bar_ ABSL_GUARDED_BY(mutex_);  // on the screen now
};

}  // namespace batchsql::cli
