#include "server/http/status_json.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/process_metrics.h"
#include "server/version.h"

namespace batchsql {
namespace {

using Json = nlohmann::ordered_json;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Json OrNull(std::optional<double> value) { return value.has_value() ? Json(*value) : Json(); }

Json TargetJson(const Target& target) {
  return {{"name", target.name()},
          {"kind", target.kind()},
          {"connections", target.connections()},
          {"connections_max", target.connections_max()}};
}

Json ReloadJson(const LastReload::Outcome& reload) {
  const auto time =
      std::chrono::duration_cast<std::chrono::milliseconds>(reload.time.time_since_epoch());
  return {{"time_ms", time.count()}, {"successful", reload.error.empty()}};
}

Json PipelineJson(const Pipeline& pipeline) {
  const PipelineStatus status = pipeline.status();
  const PipelineMetrics::Recent recent = pipeline.metrics().recent();
  return {{"table", pipeline.options().label},
          {"target", pipeline.target().name()},
          {"state", PipelineStateName(status.state)},
          {"last_error", status.last_error},
          {"last_error_class", status.last_error_class},
          {"rows_per_second", recent.rows_per_second},
          {"queued_rows", status.queued_rows},
          {"oldest_age_seconds", Seconds(status.oldest_age)},
          {"dead_letters", status.dead_letters},
          {"committed_rows", status.committed_rows},
          {"integrity", pipeline.ended_last_hour().IntegrityRate()},
          {"batch_rows", OrNull(recent.batch_rows)},
          {"batch_rows_target", status.batch_rows_target},
          {"batch_linger_seconds", Seconds(status.batch_linger)},
          {"flush_ms", OrNull(recent.flush_ms)},
          {"commit_ms", OrNull(recent.commit_ms)}};
}

}  // namespace

std::string StatusJson(const Ingestor& ingestor, const DiskBudget& journals,
                       const LastReload& last_reload, Duration uptime) {
  Json report = {
      {"version", kVersion},
      {"uptime_seconds", Seconds(uptime)},
      {"memory",
       {{"resident_bytes", ResidentBytes()},
        {"buffered_bytes", ingestor.budget().used_bytes()},
        {"buffered_bytes_max", ingestor.budget().bytes_max()}}},
      {"journal", {{"bytes", journals.used_bytes()}, {"bytes_max", journals.bytes_max()}}},
      {"reload", ReloadJson(last_reload.Get())},
      {"targets", Json::array()},
      {"pipelines", Json::array()}};
  for (const Target* target : ingestor.targets()) report["targets"].push_back(TargetJson(*target));
  for (const Pipeline* pipeline : ingestor.pipelines()) {
    report["pipelines"].push_back(PipelineJson(*pipeline));
  }
  return report.dump();
}

}  // namespace batchsql
