// The part of Ingestor that changes the tables while it serves them.

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/ingestor.h"
#include "core/journal/journal_name.h"
#include "core/log.h"

namespace batchsql {
namespace {

// For a table that is made anew: what is not written by then is read back from its journal.
constexpr std::chrono::seconds kRenewMax{2};
// For a table that is removed: until its rows are written, or the daemon stops.
constexpr std::chrono::hours kRemoveMax{24 * 365};

bool FollowsRule(const Pipeline& pipeline, const Pipeline::Options& rule) {
  Pipeline::Options wanted = rule;
  wanted.id = pipeline.options().id;  // of its name, which no rule changes
  return wanted == pipeline.options();
}

}  // namespace

absl::Status Ingestor::Apply(Rules rules, Duration drain_max) {
  std::vector<Renewal> renewals;
  {
    MutexLock lock(mutex_);
    while (!making_.empty()) made_.Wait(mutex_);
    if (draining_) return absl::UnavailableError("the daemon is stopping");
    applying_ = true;
    rules_ = std::move(rules);
    renewals = TakeChanges();
  }
  // Each on its own: a database that hangs only holds up its own tables.
  std::vector<std::thread> threads;
  threads.reserve(renewals.size());
  for (Renewal& renewal : renewals) {
    threads.emplace_back([this, drain_max, renewal = std::move(renewal)]() mutable {
      Renew(std::move(renewal), drain_max);
    });
  }
  for (std::thread& thread : threads) thread.join();
  OpenAll();
  MutexLock lock(mutex_);
  applying_ = false;
  made_.NotifyAll();
  return draining_ ? absl::UnavailableError("the daemon is stopping") : absl::OkStatus();
}

// Sorts all pipelines by what the rules, which are new, say of them. Until they are replaced, those
// that must be made anew answer for their tables.
std::vector<Ingestor::Renewal> Ingestor::TakeChanges() {
  std::vector<Leaving> known = std::exchange(leaving_, {});
  for (auto& [label, pipeline] : pipelines_) known.push_back({std::move(pipeline), {}});
  pipelines_.clear();
  std::vector<Renewal> renewals;
  for (Leaving& one : known) {
    const bool was_leaving = one.drain.joinable();
    std::optional<TableRule> rule = RuleOf(*one.pipeline);
    if (!rule.has_value()) {
      if (was_leaving) {
        leaving_.push_back(std::move(one));
      } else {
        Leave(std::move(one.pipeline));
      }
      continue;
    }
    const std::string label = rule->options.label;
    if (was_leaving || !FollowsRule(*one.pipeline, rule->options)) {
      one.pipeline->Refuse(absl::UnavailableError(
          absl::StrCat("the configuration of table ", label, " has changed; try again")));
      renewals.push_back({one.pipeline.get(), std::move(one.drain), *std::move(rule)});
    }
    pipelines_.emplace(label, std::move(one.pipeline));
  }
  for (const TableRule& rule : rules_.tables) {
    if (!pipelines_.contains(rule.options.label)) renewals.push_back({nullptr, {}, rule});
  }
  return renewals;
}

// The rule that a pipeline's table has now; nullopt: none.
std::optional<Ingestor::TableRule> Ingestor::RuleOf(const Pipeline& pipeline) const {
  const TableName& table = pipeline.options().table;
  for (const TableRule& rule : rules_.tables) {
    if (rule.target == pipeline.target().name() && rule.options.table == table) return rule;
  }
  if (!rules_.any_table.has_value() || rules_.any_table->target != pipeline.target().name()) {
    return std::nullopt;
  }
  TableRule rule = *rules_.any_table;
  rule.options.table = table;
  rule.options.label = UnlistedLabel(table);
  return rule;
}

void Ingestor::Leave(std::unique_ptr<Pipeline> pipeline) {
  pipeline->Refuse(absl::NotFoundError(
      absl::StrCat("table ", pipeline->options().label, " was removed from the configuration")));
  Pipeline* const left = pipeline.get();
  leaving_.push_back({std::move(pipeline), std::thread([this, left] { DrainRemoved(left); })});
}

void Ingestor::DrainRemoved(Pipeline* pipeline) const {
  const std::string& label = pipeline->options().label;
  Log(LogLevel::kInfo, "a table was removed; its rows are written before it goes",
      {{"table", label}});
  pipeline->Drain(resources_.clock->Now() + kRemoveMax, Pipeline::LeftRows::kAreWritten);
  if (!pipeline->has_journal()) {
    Log(LogLevel::kInfo, "a removed table is drained",
        {{"table", label}, {"rows_lost", absl::StrCat(pipeline->status().lost_rows)}});
    return;
  }
  const bool all = pipeline->all_committed();
  const std::string directory =
      absl::StrCat(options_.journal_root, "/",
                   JournalDirectoryName({pipeline->target().name(), pipeline->options().table}));
  Log(all ? LogLevel::kInfo : LogLevel::kWarning,
      all ? "a removed table is drained; its journal is kept"
          : "a removed table is not drained: its journal is kept, with rows that are not written",
      {{"table", label}, {"journal", directory}});
}

void Ingestor::Renew(Renewal renewal, Duration drain_max) {
  if (renewal.old != nullptr) {
    const Duration wait = renewal.old->has_journal() ? kRenewMax : drain_max;
    const TimePoint deadline = resources_.clock->Now() + wait;
    if (renewal.drain.joinable()) {
      renewal.old->EndDrainBy(deadline);
      renewal.drain.join();
    } else {
      renewal.old->Drain(deadline);
    }
  }
  {
    MutexLock lock(mutex_);
    if (draining_) return;
  }
  const std::string label = renewal.rule.options.label;
  std::unique_ptr<Pipeline> made = NewPipeline(std::move(renewal.rule));
  Pipeline* const pipeline = made.get();
  {
    MutexLock lock(mutex_);
    // (A pipeline that comes too late is drained by its destructor.)
    if (draining_) return;
    std::unique_ptr<Pipeline>& place = pipelines_[label];
    if (place != nullptr) replaced_.push_back(std::move(place));
    place = std::move(made);
  }
  pipeline->Open({}, [](const absl::StatusOr<Pipeline::Schema>&) {});
}

}  // namespace batchsql
