#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/env.h"
#include "server/alerts/alert.h"

namespace batchsql {

// A small file that tells the next process what is firing, so that it can tell Alertmanager when it
// is over. Lost, it costs AlertBook::kExpiry. Used by one thread.
class AlertMemory {
 public:
  AlertMemory(Env* env, std::string directory) : env_(env), directory_(std::move(directory)) {}

  // Nothing without a file. DATA_LOSS: it cannot be read.
  absl::StatusOr<std::vector<Firing>> Load() const;
  absl::Status Save(const std::vector<Firing>& firing);

 private:
  std::string Path() const { return directory_ + "/alerts.json"; }

  Env* const env_;
  const std::string directory_;
};

}  // namespace batchsql
