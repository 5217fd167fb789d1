#pragma once

#include <string>
#include <utility>

#include "core/journal/journal_inspect.h"
#include "core/journal/journal_scan.h"

namespace batchsql {

// Counts what a scan comes upon. One thread at a time.
class ReportBuilder {
 public:
  explicit ReportBuilder(std::string directory) : directory_(std::move(directory)) {}
  void Add(const ScanEvent& event);
  JournalReport Finish() { return std::move(report_); }

 private:
  const std::string directory_;
  JournalReport report_;
};

}  // namespace batchsql
