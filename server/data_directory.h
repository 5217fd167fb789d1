#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace batchsql {

// The daemon's directory, locked against a second daemon as long as this lives (also by the
// kernel's doing: a killed process leaves no lock behind). Move-only.
class DataDirectory {
 public:
  // Makes the directory with mode 0700 if there is none (its parent must exist) and locks it.
  // FAILED_PRECONDITION when it is no directory, belongs to somebody else, is open to others, or is
  // in use by another process.
  static absl::StatusOr<DataDirectory> Open(const std::string& path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

 private:
  explicit DataDirectory(int lock) : lock_(lock) {}
  int lock_;  // descriptor of the file `lock` in it; −1: moved from
};

}  // namespace batchsql
