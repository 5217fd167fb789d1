#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/doctor/findings.h"
#include "cli/monitoring/daemon_file.h"
#include "cli/monitoring/login.h"

namespace batchsql::cli {

// What the doctor looks at. An empty address is left out.
struct DoctorCommand {
  DaemonFile file;
  std::string server;       // the daemon's gRPC address
  std::string metrics_url;  // its HTTP address, with or without /metrics
  std::string prometheus_url;
  std::string alertmanager_url;
  std::string grafana_url;
  LoginOptions login;       // to Grafana
  std::string prefix;       // the daemon's metrics_prefix
  std::string environment;  // as it was given to `monitoring render` or `install`
  std::string instance;     // of the alerts that the daemon posts; empty: it posts none
  bool json = false;
};

// Sets what the command line left out to what the file tells, if there is one. Errors are those of
// the configuration: INVALID_ARGUMENT.
absl::Status FillFromFile(DoctorCommand* command);

inline constexpr int kExitProblem = 1;

// `batchsql doctor`. Its last line on standard output is `doctor: ok=N problems=N skipped=N`. Exit
// status: 0 no problem, kExitProblem, or 2 for wrong use.
int RunDoctor(const DoctorCommand& command);

}  // namespace batchsql::cli
