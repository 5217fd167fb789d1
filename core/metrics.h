#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ended_rows.h"
#include "core/mutex.h"
#include "core/rolling_count.h"

namespace batchsql {

// What one target's pipelines did lately, for the gauges that are kept per database. Thread-safe.
class TargetActivity {
 public:
  explicit TargetActivity(Clock* clock) : clock_(clock) {}

  void AttemptMade(bool failed);

  // Failed attempts ÷ attempts over the last 60 s, 0–1. Without attempts: the value before when
  // rows wait, else 0.
  double ErrorRate(bool rows_wait);

 private:
  Clock* const clock_;
  Mutex mutex_;
  RollingCount attempts_ ABSL_GUARDED_BY(mutex_){std::chrono::seconds(60), 60};
  RollingCount failures_ ABSL_GUARDED_BY(mutex_){std::chrono::seconds(60), 60};
  double error_rate_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The series of one pipeline. Updated once per batch, never per row. Thread-safe.
class PipelineMetrics {
 public:
  void FlushCommitted(uint64_t rows_in_flush, uint64_t committed, double duration_ms);
  void AttemptSucceeded();
  void AttemptFailed();

 private:
  friend class Metrics;
  PipelineMetrics(Clock* clock, TargetActivity* target) : clock_(clock), target_(target) {}
  // Sets the gauges that depend on the time.
  void Refresh();

  Clock* const clock_;
  TargetActivity* const target_;
  prometheus::Counter* processed_ = nullptr;
  prometheus::Counter* flushes_ = nullptr;
  prometheus::Counter* failed_ = nullptr;
  prometheus::Gauge* current_rps_ = nullptr;
  prometheus::Histogram* duration_ms_ = nullptr;
  prometheus::Histogram* batch_size_ = nullptr;
  Mutex mutex_;
  RollingCount recent_rows_ ABSL_GUARDED_BY(mutex_){std::chrono::seconds(10), 100};
};

// All series of the process, behind one door: docs/monitoring.md lists them. Thread-safe; outlives
// the pipelines whose metrics it gave out.
class Metrics {
 public:
  struct Options {
    std::string test_name = "default";
    std::string environment;  // label `env` of every series; empty: no such label
  };
  // What the gauges of a target are read from, at each Expose.
  struct TargetProbe {
    std::function<uint32_t()> connections;
    std::function<bool()> rows_wait;
    std::function<EndedRows::Counts()> ended;  // in the last hour
  };

  Metrics(const Options& options, Clock* clock);

  // Registers the series of a target, or of one of its pipelines, at 0. Each name once.
  void AddTarget(const std::string& database, TargetProbe probe);
  PipelineMetrics* AddPipeline(const std::string& database, const std::string& table);
  // The share of the memory budget in use, 0–1, read at each Expose.
  void SetBufferProbe(std::function<double()> probe);

  // Everything, in Prometheus' text format 0.0.4.
  std::string Expose();

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
  prometheus::Labels TargetLabels(const std::string& database) const;
  prometheus::Labels PipelineLabels(const std::string& database, const std::string& table) const;
  void Refresh();

  const Options options_;
  Clock* const clock_;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& processed_;
  prometheus::Family<prometheus::Counter>& flushes_;
  prometheus::Family<prometheus::Counter>& failed_;
  prometheus::Family<prometheus::Gauge>& current_rps_;
  prometheus::Family<prometheus::Histogram>& duration_ms_;
  prometheus::Family<prometheus::Histogram>& batch_size_;
  prometheus::Family<prometheus::Gauge>& integrity_;
  prometheus::Family<prometheus::Gauge>& error_rate_;
  prometheus::Family<prometheus::Gauge>& memory_;
  prometheus::Family<prometheus::Gauge>& connections_;
  prometheus::Family<prometheus::Gauge>& buffer_;

  Mutex mutex_;
  std::map<std::string, TargetSeries> targets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<PipelineMetrics>> pipelines_ ABSL_GUARDED_BY(mutex_);
  std::function<double()> buffer_probe_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
