#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace batchsql::cli {

// What the shipped files are made to fit.
struct RenderOptions {
  std::string prefix;                // the daemon's metrics_prefix
  std::string environment;           // part of the dashboards' uids and titles; may be empty
  std::string grafana_url;           // instead of http://localhost:3000; may be empty
  std::string runbook_base;          // the folder of the runbooks' pages; may be empty: Grafana's
  std::vector<std::string> targets;  // the daemons, as host:port; none: batchsqld:8080
  std::string instance;              // what Prometheus calls the target; empty: as its address
  std::string alertmanager;          // host:port or a URL; empty: alertmanager:9093
  int shorten = 1;                   // see ShortenDurations
};

struct RenderedFile {
  std::string path;
  std::string text;
};

// INVALID_ARGUMENT for a prefix, an environment or a URL that is none.
absl::Status CheckOptions(const RenderOptions& options);

// The shipped files for these options. Where `shorten` is above 1, the rules' unit tests are left
// out: they are about the real durations. Errors: CheckOptions'.
absl::StatusOr<std::vector<RenderedFile>> Render(const RenderOptions& options);

// The dashboards among them, as Grafana's API takes them.
absl::StatusOr<std::vector<nlohmann::ordered_json>> RenderDashboards(const RenderOptions& options);

}  // namespace batchsql::cli
