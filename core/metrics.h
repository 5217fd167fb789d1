#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/ended_rows.h"
#include "core/metric_registry.h"
#include "core/mutex.h"
#include "core/pipeline_metrics.h"
#include "core/target_activity.h"

namespace batchsql {

// The series of the targets and pipelines: docs/monitoring.md lists them. Thread-safe; outlives the
// pipelines whose metrics it gave out.
class Metrics {
 public:
  struct Options {
    std::string test_name = "default";
    std::string environment;  // label `env` of every series; empty: no such label
    std::string prefix;       // put before names that begin with `batchsql_`
  };
  // What the gauges of a target are read from, at each Expose.
  struct TargetProbe {
    std::function<uint32_t()> connections;
    std::function<bool()> rows_wait;
    std::function<EndedRows::Counts()> ended;  // in the last hour
    uint32_t connections_max = 1;
  };

  Metrics(const Options& options, Clock* clock);

  // Registers the series of a target, or of one of its pipelines, at 0. A target once; a pipeline
  // that comes back goes on with its series.
  void AddTarget(const std::string& database, TargetProbe probe);
  PipelineMetrics* AddPipeline(const std::string& database, const std::string& table);
  // The share of the memory budget in use, 0–1, read at each Expose.
  void SetBufferProbe(std::function<double()> probe);

  // For series of other parts of the process.
  MetricRegistry& registry() { return registry_; }
  prometheus::Labels PipelineLabels(const std::string& database, const std::string& table) const;
  // What came of the last try to read the configuration anew; true before the first.
  void SetReloadSuccessful(bool successful);

  // Everything, in Prometheus' text format 0.0.4.
  std::string Expose() { return registry_.Expose(); }

 private:
  struct TargetSeries {
    std::unique_ptr<TargetActivity> activity;
    TargetProbe probe;
    prometheus::Gauge* integrity = nullptr;
    prometheus::Gauge* error_rate = nullptr;
    prometheus::Gauge* memory = nullptr;
    prometheus::Gauge* connections = nullptr;
    prometheus::Gauge* buffer = nullptr;
  };
  using PipelineKey = std::pair<std::string, std::string>;  // database, table
  void Refresh();

  const Options options_;
  Clock* const clock_;
  MetricRegistry registry_;
  prometheus::Gauge& reload_successful_;

  Mutex mutex_;
  std::map<std::string, TargetSeries> targets_ ABSL_GUARDED_BY(mutex_);
  std::map<PipelineKey, std::unique_ptr<PipelineMetrics>> pipelines_ ABSL_GUARDED_BY(mutex_);
  std::function<double()> buffer_probe_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
