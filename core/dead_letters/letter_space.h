#pragma once

#include <cstdint>
#include <string>

#include "core/disk_budget.h"
#include "core/env.h"
#include "core/mutex.h"

namespace batchsql {

// The disk space of all dead letters of the daemon: a budget, and a file beside the stores that
// keeps some space for when the disk is full, so that a batch can still be committed without its
// bad rows, which lets the journal be trimmed. Thread-safe.
class LetterSpace {
 public:
  static constexpr uint64_t kReserveBytes = uint64_t{4} << 20;

  // `directory` is that of the stores' directories, empty: no reserve is kept; the reserve is made
  // when it is first asked for.
  LetterSpace(Env* env, std::string directory, uint64_t bytes_max)
      : env_(env), directory_(std::move(directory)), budget_(bytes_max) {}

  DiskBudget& budget() { return budget_; }

  // Makes the directory and the reserve where they are missing and there is space.
  void KeepReserve();
  // The reserve, if there is one, becomes the file `path`, of kReserveBytes zeros. Not synced.
  bool TakeReserve(const std::string& path);

 private:
  std::string ReservePath() const { return directory_ + "/reserve"; }

  Env* const env_;
  const std::string directory_;
  DiskBudget budget_;
  Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;   // somebody makes or takes it
  bool known_ ABSL_GUARDED_BY(mutex_) = false;  // it is there, of this process's making
};

}  // namespace batchsql
