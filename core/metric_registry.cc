#include "core/metric_registry.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>

namespace batchsql {
namespace {

constexpr const char* kOwnPrefix = "batchsql_";

}  // namespace

SampleFamily::SampleFamily(Kind kind, MetricInfo info) {
  family_.name = std::move(info.name);
  family_.help = std::move(info.help);
  family_.type =
      kind == Kind::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
}

void SampleFamily::Add(const prometheus::Labels& labels, double value) {
  prometheus::ClientMetric sample;
  for (const auto& [name, text] : labels) sample.label.push_back({name, text});
  sample.counter.value = value;
  sample.gauge.value = value;
  family_.metric.push_back(std::move(sample));
}

prometheus::Counter& MetricRegistry::AddCounter(const MetricInfo& info,
                                                const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(info.name).Help(info.help).Register(registry_).Add(labels);
}

prometheus::Gauge& MetricRegistry::AddGauge(const MetricInfo& info,
                                            const prometheus::Labels& labels) {
  return prometheus::BuildGauge().Name(info.name).Help(info.help).Register(registry_).Add(labels);
}

prometheus::Histogram& MetricRegistry::AddHistogram(
    const MetricInfo& info, const prometheus::Labels& labels,
    const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram().Name(info.name).Help(info.help).Register(registry_).Add(
      labels, buckets);
}

void MetricRegistry::AddCollector(Collector collector) {
  MutexLock lock(mutex_);
  collectors_.push_back(std::move(collector));
}

std::string MetricRegistry::Expose() const {
  std::vector<Collector> collectors;
  {
    MutexLock lock(mutex_);
    collectors = collectors_;
  }
  // First: a collector may set series that were added one by one.
  std::vector<prometheus::MetricFamily> families;
  for (const Collector& collector : collectors) {
    std::vector<prometheus::MetricFamily> collected = collector();
    std::move(collected.begin(), collected.end(), std::back_inserter(families));
  }
  std::vector<prometheus::MetricFamily> kept = registry_.Collect();
  std::move(kept.begin(), kept.end(), std::back_inserter(families));
  for (prometheus::MetricFamily& family : families) Finish(&family);
  std::sort(families.begin(), families.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return prometheus::TextSerializer().Serialize(families);
}

void MetricRegistry::Finish(prometheus::MetricFamily* family) const {
  if (family->name.rfind(kOwnPrefix, 0) == 0) family->name.insert(0, options_.prefix);
  if (options_.environment.empty()) return;
  for (prometheus::ClientMetric& metric : family->metric) {
    metric.label.push_back({"env", options_.environment});
  }
}

}  // namespace batchsql
