#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/env.h"
#include "core/ledger.h"

namespace batchsql {

// The file `ledger` of one pipeline: two places of 4 KiB that are written in turn, so that one is
// always whole, and that need no new space on a full disk. One thread at a time.
class LedgerFile {
 public:
  // Reads what the directory has; makes nothing before the first Save. FAILED_PRECONDITION: of a
  // newer version. A damaged one counts as none: it can be had again, but for what no journal held.
  static absl::StatusOr<std::unique_ptr<LedgerFile>> Open(Env* env, std::string directory);

  // What was saved last; none in a new one.
  const std::optional<LedgerRecord>& saved() const { return saved_; }
  // Written and synced. After an error the next call makes a new file.
  absl::Status Save(const LedgerRecord& record);

 private:
  LedgerFile(Env* env, std::string directory) : env_(env), directory_(std::move(directory)) {}
  absl::Status Load();
  absl::Status Write(uint64_t place, const std::string& bytes);
  absl::Status Replace(const std::string& bytes);

  Env* const env_;
  const std::string directory_;
  std::unique_ptr<File> file_;  // null: the next Save makes it
  uint64_t sequence_ = 0;
  std::optional<LedgerRecord> saved_;
};

}  // namespace batchsql
