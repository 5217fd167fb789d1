#include "core/metrics.h"

#include <utility>

#include "core/process_metrics.h"

namespace batchsql {

Metrics::Metrics(const Options& options, Clock* clock)
    : options_(options),
      clock_(clock),
      registry_({options.prefix, options.environment}),
      reload_successful_(registry_.AddGauge(
          {"batchsql_config_last_reload_successful",
           "1 when the configuration was taken over at the last SIGHUP, 0 when it was bad and "
           "changed nothing; 1 before the first."},
          {})) {
  reload_successful_.Set(1);
  registry_.AddCollector([this] {
    Refresh();
    return std::vector<prometheus::MetricFamily>();
  });
  registry_.AddCollector(CollectProcess);
}

prometheus::Labels Metrics::PipelineLabels(const std::string& database,
                                           const std::string& table) const {
  return {{"database", database}, {"table", table}, {"test_name", options_.test_name}};
}

void Metrics::AddTarget(const std::string& database, TargetProbe probe) {
  const prometheus::Labels labels = {{"database", database}, {"test_name", options_.test_name}};
  const prometheus::Labels only_database = {{"database", database}};
  MutexLock lock(mutex_);
  TargetSeries& series = targets_[database];
  series.activity = std::make_unique<TargetActivity>(clock_);
  series.integrity = &registry_.AddGauge(
      {"batchsql_data_integrity_rate",
       "Of the rows that ended in the last hour, the share that was committed, 0 to 1."},
      labels);
  series.error_rate =
      &registry_.AddGauge({"batchsql_error_rate",
                           "Failed flush attempts divided by attempts over the last 60 s, 0 to 1."},
                          labels);
  series.memory = &registry_.AddGauge(
      {"batchsql_memory_usage_bytes", "Resident memory of the daemon, the same under each target."},
      labels);
  series.buffer = &registry_.AddGauge(
      {"batchsql_buffer_utilization", "Buffered bytes divided by the buffer's limit, 0 to 1."},
      labels);
  series.connections = &registry_.AddGauge(
      {"batchsql_active_connections", "Connections open to the target."}, only_database);
  registry_
      .AddGauge({"batchsql_max_connections", "Connections that may be open to the target."},
                only_database)
      .Set(probe.connections_max);
  series.probe = std::move(probe);
}

PipelineMetrics* Metrics::AddPipeline(const std::string& database, const std::string& table) {
  MutexLock lock(mutex_);
  std::unique_ptr<PipelineMetrics>& known = pipelines_[{database, table}];
  if (known == nullptr) {
    known = std::make_unique<PipelineMetrics>(registry_, PipelineLabels(database, table), clock_,
                                              targets_.at(database).activity.get());
  }
  return known.get();
}

void Metrics::SetBufferProbe(std::function<double()> probe) {
  MutexLock lock(mutex_);
  buffer_probe_ = std::move(probe);
}

void Metrics::SetReloadSuccessful(bool successful) { reload_successful_.Set(successful ? 1 : 0); }

// The probes take locks of their own, so they are called without ours. Series are never removed.
void Metrics::Refresh() {
  std::vector<PipelineMetrics*> pipelines;
  std::vector<TargetSeries*> targets;
  std::function<double()> buffer_probe;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, pipeline] : pipelines_) pipelines.push_back(pipeline.get());
    for (auto& [database, series] : targets_) targets.push_back(&series);
    buffer_probe = buffer_probe_;
  }
  for (PipelineMetrics* pipeline : pipelines) pipeline->Refresh();
  const double memory = static_cast<double>(ResidentBytes());
  const double buffer = buffer_probe ? buffer_probe() : 0;
  for (TargetSeries* series : targets) {
    series->integrity->Set(series->probe.ended().IntegrityRate());
    series->error_rate->Set(series->activity->ErrorRate(series->probe.rows_wait()));
    series->memory->Set(memory);
    series->buffer->Set(buffer);
    series->connections->Set(series->probe.connections());
  }
}

}  // namespace batchsql
