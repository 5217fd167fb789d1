#pragma once

#include <string>
#include <vector>

#include "server/alerts/alert.h"

namespace batchsql {

// What all alerts of this daemon say.
struct AlertContext {
  std::string test_name;
  std::string environment;  // empty: no label `env`
  std::string grafana_url;  // where the runbooks are served; empty: they are named by their file
  std::string instance;     // as Prometheus calls the daemon, whose warnings these may hold back
};

// The body of a POST to Alertmanager's /api/v2/alerts.
std::string AlertsJson(const std::vector<Alert>& alerts, const AlertContext& context);

}  // namespace batchsql
