#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "config/options.h"

namespace batchsql::cli {

// The configuration of the daemon that a command is about. It tells what the command line does not.
struct DaemonFile {
  std::string path;             // empty: there is none
  std::set<std::string> given;  // the options of the command line, as `--prefix`

  // Errors are the configuration's own: INVALID_ARGUMENT, without values.
  absl::StatusOr<DaemonPlace> Read(const std::string& environment) const;
  // Sets the option's value where the command line does not.
  void Fill(const std::string& option, const std::string& by_file, std::string* value) const;
};

// The address at which this machine reaches a server that listens there; empty where its port is
// any free one.
std::string ReachedHere(const ListenAddress& listen);

}  // namespace batchsql::cli
