#include "core/ingestor.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/strings.h"

namespace batchsql {
namespace {

std::map<std::string, std::unique_ptr<Target>> ByName(
    std::vector<std::unique_ptr<Target>> targets) {
  std::map<std::string, std::unique_ptr<Target>> by_name;
  for (std::unique_ptr<Target>& target : targets) {
    std::string name = target->name();
    by_name.emplace(std::move(name), std::move(target));
  }
  return by_name;
}

}  // namespace

Ingestor::Ingestor(Options options, std::vector<std::unique_ptr<Target>> targets, Budget* budget,
                   Metrics* metrics, Clock* clock)
    : options_(std::move(options)),
      targets_(ByName(std::move(targets))),
      budget_(budget),
      metrics_(metrics),
      clock_(clock) {
  for (const auto& [name, target] : targets_) {
    const Target* observed = target.get();
    metrics_->AddTarget(
        name, {[observed] { return observed->connections(); },
               [this, observed] {
                 for (Pipeline* pipeline : pipelines()) {
                   if (&pipeline->target() == observed && pipeline->status().queued_rows > 0) {
                     return true;
                   }
                 }
                 return false;
               }});
  }
  metrics_->SetBufferProbe([budget] {
    return static_cast<double>(budget->used_bytes()) / static_cast<double>(budget->bytes_max());
  });
  MutexLock lock(mutex_);
  for (const TableRule& rule : options_.tables) {
    const absl::StatusOr<Pipeline*> made = Make(rule);
    static_cast<void>(made);  // the configuration was checked: its targets exist
  }
}

absl::StatusOr<Pipeline*> Ingestor::Make(TableRule rule) {
  const auto target = targets_.find(rule.target);
  if (target == targets_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("no target is called ", rule.target));
  }
  PipelineMetrics* metrics = metrics_->AddPipeline(rule.target, rule.options.table.ToString());
  std::string label = rule.options.label;
  auto pipeline =
      std::make_unique<Pipeline>(std::move(rule.options), target->second.get(), metrics, clock_);
  return pipelines_.emplace(std::move(label), std::move(pipeline)).first->second.get();
}

void Ingestor::OpenAll() {
  for (Pipeline* pipeline : pipelines()) {
    pipeline->Open({}, [](const absl::StatusOr<Pipeline::Schema>&) {});
  }
}

absl::StatusOr<Pipeline*> Ingestor::Find(std::string_view table) {
  MutexLock lock(mutex_);
  if (draining_) return absl::UnavailableError("the daemon is stopping");
  if (const auto found = pipelines_.find(table); found != pipelines_.end()) {
    return found->second.get();
  }
  // `target/table` where the table is known by its short name.
  if (const size_t slash = table.find('/'); slash != std::string_view::npos) {
    const auto found = pipelines_.find(table.substr(slash + 1));
    if (found != pipelines_.end() && found->second->target().name() == table.substr(0, slash)) {
      return found->second.get();
    }
  }
  return MakeUnlisted(table);
}

absl::StatusOr<Pipeline*> Ingestor::MakeUnlisted(std::string_view table) {
  // A slash only ever parts the target from the table.
  const size_t slash = table.find('/');
  const bool has_target = slash != std::string_view::npos;
  const absl::StatusOr<TableName> name =
      ParseTableName(has_target ? table.substr(slash + 1) : table);
  if (!name.ok()) return name.status();
  if (!options_.any_table.has_value() ||
      (has_target && table.substr(0, slash) != options_.any_table->target)) {
    return absl::NotFoundError(
        absl::StrCat("the configuration has no table ", AsAbsl(table), " and no rule `*` for it"));
  }
  if (pipelines_.size() >= options_.tables_max) {
    return NoneLeft(absl::StrCat("the daemon serves limits.tables_max = ", options_.tables_max,
                                 " tables already"));
  }
  TableRule rule = *options_.any_table;
  // By its short name, unless that is another target's table.
  const std::string short_name = name->ToString();
  rule.options.label = pipelines_.contains(short_name) ? std::string(table) : short_name;
  rule.options.table = *name;
  return Make(std::move(rule));
}

std::vector<Pipeline*> Ingestor::pipelines() const {
  MutexLock lock(mutex_);
  std::vector<Pipeline*> pipelines;
  for (const auto& [label, pipeline] : pipelines_) pipelines.push_back(pipeline.get());
  return pipelines;
}

std::vector<const Target*> Ingestor::targets() const {
  std::vector<const Target*> targets;
  for (const auto& [name, target] : targets_) targets.push_back(target.get());
  return targets;
}

void Ingestor::Drain(TimePoint deadline) {
  {
    MutexLock lock(mutex_);
    draining_ = true;
  }
  std::vector<std::thread> drains;
  for (Pipeline* pipeline : pipelines()) {
    drains.emplace_back([pipeline, deadline] { pipeline->Drain(deadline); });
  }
  for (std::thread& drain : drains) drain.join();
  budget_->Close();
}

}  // namespace batchsql
