#pragma once

#include <string>

#include "cli/doctor/findings.h"
#include "cli/http/http_client.h"

namespace batchsql::cli {

// The addresses are BaseUrl's, or empty; login was read. Each function makes the findings of its
// checks, those of what it cannot look at included, and throws nothing away. They make calls to
// servers, in order, each with a deadline.
struct Patient {
  std::string server;
  std::string metrics;  // without /metrics
  std::string prometheus;
  std::string alertmanager;
  std::string grafana;
  HttpLogin login;
  bool has_login = false;
  std::string prefix;
  std::string environment;
  std::string instance;  // Prometheus' name for the daemon must be; empty: is not known
};

void CheckDaemon(const Patient& patient, Findings* findings);
void CheckMetrics(const Patient& patient, Findings* findings);
void CheckPrometheus(const Patient& patient, Findings* findings);
void CheckAlertmanager(const Patient& patient, Findings* findings);
void CheckGrafana(const Patient& patient, Findings* findings);

}  // namespace batchsql::cli
