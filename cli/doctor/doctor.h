#pragma once

#include <string>

#include "cli/doctor/findings.h"
#include "cli/monitoring/login.h"

namespace batchsql::cli {

// What the doctor looks at. An empty address is left out.
struct DoctorCommand {
  std::string server;       // the daemon's gRPC address
  std::string metrics_url;  // its HTTP address, with or without /metrics
  std::string prometheus_url;
  std::string alertmanager_url;
  std::string grafana_url;
  LoginOptions login;       // to Grafana
  std::string prefix;       // the daemon's metrics_prefix
  std::string environment;  // as it was given to `monitoring render` or `install`
  bool json = false;
};

inline constexpr int kExitProblem = 1;

// `batchsql doctor`. Its last line on standard output is `doctor: ok=N problems=N skipped=N`. Exit
// status: 0 no problem, kExitProblem, or 2 for wrong use.
int RunDoctor(const DoctorCommand& command);

}  // namespace batchsql::cli
