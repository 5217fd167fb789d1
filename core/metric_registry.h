#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace batchsql {

// What a metric is called and what it means. Names follow Prometheus' conventions: `_total` on
// counters, base units.
struct MetricInfo {
  std::string name;
  std::string help;
};

// Samples of one metric that are read from where they are counted anyway, rather than kept twice.
class SampleFamily {
 public:
  enum class Kind : uint8_t { kCounter, kGauge };
  SampleFamily(Kind kind, MetricInfo info);

  void Add(const prometheus::Labels& labels, double value);
  prometheus::MetricFamily Take() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

// The one door to /metrics: whoever counts something registers it here, the daemon itself and
// programs that are built on core alike. Series are never removed. Thread-safe; must outlive what
// it hands out.
class MetricRegistry {
 public:
  struct Options {
    std::string prefix;       // put before names that begin with `batchsql_`
    std::string environment;  // label `env` of every series; empty: no such label
  };
  // Called at each Expose, without a lock held. A name belongs to one collector, or to series that
  // were added one by one.
  using Collector = std::function<std::vector<prometheus::MetricFamily>()>;

  explicit MetricRegistry(Options options = {}) : options_(std::move(options)) {}

  // A series, at 0; the same one for the same name and labels. The help text of the first counts.
  prometheus::Counter& AddCounter(const MetricInfo& info, const prometheus::Labels& labels);
  prometheus::Gauge& AddGauge(const MetricInfo& info, const prometheus::Labels& labels);
  // `buckets` are upper bounds, ascending.
  prometheus::Histogram& AddHistogram(const MetricInfo& info, const prometheus::Labels& labels,
                                      const prometheus::Histogram::BucketBoundaries& buckets);
  void AddCollector(Collector collector);

  // Everything, in Prometheus' text format 0.0.4, sorted by name.
  std::string Expose() const;

 private:
  void Finish(prometheus::MetricFamily* family) const;

  const Options options_;
  prometheus::Registry registry_;
  mutable Mutex mutex_;
  std::vector<Collector> collectors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
