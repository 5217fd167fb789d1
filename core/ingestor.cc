#include "core/ingestor.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/dead_letters/dead_letters.h"
#include "core/dead_letters/target_letters.h"
#include "core/journal/journal_name.h"
#include "core/limit_error.h"
#include "core/log.h"
#include "core/pipeline_collector.h"
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

// Equal for names that surely mean the same table of the target.
std::string PhysicalName(const Target& target, std::string_view table) {
  if (target.kind() != "sqlite") return std::string(table);
  const std::string lower = absl::AsciiStrToLower(AsAbsl(table));
  return std::string(absl::StripPrefix(lower, "main."));
}

}  // namespace

Ingestor::Ingestor(Options options, std::vector<std::unique_ptr<Target>> targets,
                   const Resources& resources)
    : options_(std::move(options)),
      targets_(ByName(std::move(targets))),
      resources_(resources),
      rules_(options_.rules) {
  for (const auto& [name, target] : targets_) {
    const Target* observed = target.get();
    resources_.metrics->AddTarget(name, {[observed] { return observed->connections(); },
                                         [this, observed] { return RowsWait(observed); },
                                         [this, observed] {
                                           EndedRows::Counts ended;
                                           for (Pipeline* pipeline : pipelines()) {
                                             if (&pipeline->target() == observed)
                                               ended += pipeline->ended_last_hour();
                                           }
                                           return ended;
                                         },
                                         target->connections_max()});
  }
  resources_.metrics->registry().AddCollector([this] {
    return CollectPipelines(pipelines(), *resources_.metrics, resources_.disk->bytes_max());
  });
  resources_.metrics->SetBufferProbe([memory = resources_.memory] {
    return static_cast<double>(memory->used_bytes()) / static_cast<double>(memory->bytes_max());
  });
  for (const TableRule& rule : options_.rules.tables) {
    std::unique_ptr<Pipeline> pipeline = NewPipeline(rule);
    MutexLock lock(mutex_);
    pipelines_.emplace(rule.options.label, std::move(pipeline));
  }
}

Ingestor::~Ingestor() { Drain(resources_.clock->Now()); }

std::string Ingestor::JournalDirectory(const TableRule& rule) const {
  if (!rule.journal || options_.journal_root.empty()) return "";
  return absl::StrCat(options_.journal_root, "/",
                      JournalDirectoryName({rule.target, rule.options.table}));
}

absl::StatusOr<std::unique_ptr<LedgerFile>> Ingestor::OpenLedger(const TableRule& rule) {
  std::string directory = JournalDirectory(rule);
  if (directory.empty()) return nullptr;
  return LedgerFile::Open(resources_.env, std::move(directory));
}

absl::StatusOr<std::unique_ptr<Journal>> Ingestor::OpenJournal(const TableRule& rule,
                                                               const LedgerFile* ledger) {
  Journal::Options options = options_.journal;
  options.directory = JournalDirectory(rule);
  if (options.directory.empty()) return nullptr;
  if (ledger->saved().has_value()) options.counted_through = ledger->saved()->through;
  return Journal::Open(resources_.env, resources_.disk, resources_.clock, std::move(options));
}

absl::StatusOr<std::unique_ptr<LetterStore>> Ingestor::OpenLetters(const TableRule& rule) {
  if (resources_.letters == nullptr) return nullptr;
  if (!rule.journal || options_.journal_root.empty()) {
    return std::make_unique<TargetLetters>(targets_.find(rule.target)->second.get(),
                                           rule.options.id, &resources_.letters->budget());
  }
  DeadLetters::Options options;
  options.directory = absl::StrCat(options_.letters_root, "/",
                                   JournalDirectoryName({rule.target, rule.options.table}));
  absl::StatusOr<std::unique_ptr<DeadLetters>> letters =
      DeadLetters::Open(resources_.env, resources_.letters, std::move(options));
  if (letters.ok() && (*letters)->torn_bytes() > 0) {
    Log(LogLevel::kInfo, "a torn end of the dead letters was cut",
        {{"table", rule.options.label}, {"bytes", absl::StrCat((*letters)->torn_bytes())}});
  }
  return letters;
}

// The rule's target exists: the configuration was checked.
std::unique_ptr<Pipeline> Ingestor::NewPipeline(TableRule rule) {
  Target* const target = targets_.find(rule.target)->second.get();
  const std::string table = rule.options.table.ToString();
  PipelineMetrics* metrics = resources_.metrics->AddPipeline(rule.target, table);
  rule.options.id = UuidOfName(absl::StrCat(options_.instance, "\n", rule.target, "\n", table));
  absl::StatusOr<std::unique_ptr<LedgerFile>> ledger = OpenLedger(rule);
  absl::StatusOr<std::unique_ptr<Journal>> journal =
      ledger.ok() ? OpenJournal(rule, ledger->get()) : ledger.status();
  absl::StatusOr<std::unique_ptr<LetterStore>> letters = OpenLetters(rule);
  if (!letters.ok()) journal = letters.status();
  return std::make_unique<Pipeline>(std::move(rule.options), target, metrics, resources_.clock,
                                    resources_.memory, std::move(journal),
                                    letters.ok() ? *std::move(letters) : nullptr,
                                    ledger.ok() ? *std::move(ledger) : nullptr);
}

void Ingestor::SaveLedgers() {
  for (Pipeline* pipeline : pipelines()) pipeline->SaveLedger();
}

void Ingestor::OpenAll() {
  OpenLeftJournals();
  for (Pipeline* pipeline : pipelines()) {
    if (pipeline->status().state != PipelineState::kOpening) continue;
    pipeline->Open({}, [](const absl::StatusOr<Pipeline::Schema>&) {});
  }
}

void Ingestor::OpenLeftJournals() {
  if (options_.journal_root.empty()) return;
  const absl::StatusOr<std::vector<std::string>> names =
      resources_.env->List(options_.journal_root);
  if (!names.ok()) return;  // none yet
  for (const std::string& name : *names) {
    const std::optional<JournalOwner> owner = ParseJournalDirectoryName(name);
    if (owner.has_value()) {
      const std::string table = absl::StrCat(owner->target, "/", owner->table.ToString());
      const absl::Status found = Find(table).status();
      if (found.ok() || absl::IsUnavailable(found)) continue;
    }
    Log(LogLevel::kWarning,
        "a journal is left that no table of the configuration names; it is kept",
        {{"journal", absl::StrCat(options_.journal_root, "/", name)}});
  }
}

Pipeline* Ingestor::FindMade(std::string_view table) const {
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
  return nullptr;
}

absl::StatusOr<Pipeline*> Ingestor::Find(std::string_view table) {
  TableRule rule;
  {
    MutexLock lock(mutex_);
    while (true) {
      if (draining_) return absl::UnavailableError("the daemon is stopping");
      if (Pipeline* found = FindMade(table); found != nullptr) return found;
      absl::StatusOr<TableRule> unlisted = UnlistedRule(table);
      if (!unlisted.ok()) return unlisted.status();
      if (making_.insert(unlisted->options.label).second) {
        rule = *std::move(unlisted);
        break;
      }
      made_.Wait(mutex_);
    }
  }
  return MakeUnlisted(std::move(rule));
}

absl::StatusOr<Ingestor::TableRule> Ingestor::UnlistedRule(std::string_view table) const {
  // A slash only ever parts the target from the table.
  const size_t slash = table.find('/');
  const bool has_target = slash != std::string_view::npos;
  const absl::StatusOr<TableName> name =
      ParseTableName(has_target ? table.substr(slash + 1) : table);
  if (!name.ok()) return name.status();
  if (IsListed(table)) {
    return absl::UnavailableError("the table is being opened by a new configuration; try again");
  }
  if (!rules_.any_table.has_value() ||
      (has_target && table.substr(0, slash) != rules_.any_table->target)) {
    return absl::NotFoundError(
        IsLeaving(table)
            ? absl::StrCat("table ", AsAbsl(table), " was removed from the configuration")
            : absl::StrCat("the configuration has no table ", AsAbsl(table),
                           " and no rule `*` for it"));
  }
  if (pipelines_.size() + making_.size() >= rules_.tables_max) {
    return NoneLeft(absl::StrCat("the daemon serves limits.tables_max = ", rules_.tables_max,
                                 " tables already"));
  }
  TableRule rule = *rules_.any_table;
  if (absl::Status status = CheckOnlyName(rule.target, *name); !status.ok()) return status;
  rule.options.label = UnlistedLabel(*name);
  rule.options.table = *name;
  return rule;
}

// Two pipelines on one table would keep no common order.
absl::Status Ingestor::CheckOnlyName(const std::string& target, const TableName& table) const {
  const Target& its_target = *targets_.find(target)->second;
  const std::string name = table.ToString();
  const std::string physical = PhysicalName(its_target, name);
  const auto served_as = [&](std::string_view other) {
    return absl::FailedPreconditionError(
        absl::StrCat("table ", name, " is served under its name ", AsAbsl(other), " already"));
  };
  for (const auto& [label, pipeline] : pipelines_) {
    const std::string other = pipeline->options().table.ToString();
    if (&pipeline->target() != &its_target || other == name) continue;
    if (PhysicalName(its_target, other) == physical) return served_as(other);
  }
  // Those of the rule `*` only; a label has its target in front where that is needed.
  for (const std::string& label : making_) {
    const std::string_view other = AsStd(absl::StripPrefix(label, absl::StrCat(target, "/")));
    if (other != name && PhysicalName(its_target, other) == physical) return served_as(other);
  }
  return absl::OkStatus();
}

// The short name, unless that is another target's table.
std::string Ingestor::UnlistedLabel(const TableName& table) const {
  std::string name = table.ToString();
  for (const TableRule& rule : rules_.tables) {
    if (rule.options.label == name) return absl::StrCat(rules_.any_table->target, "/", name);
  }
  return name;
}

bool Ingestor::IsListed(std::string_view table) const {
  for (const TableRule& rule : rules_.tables) {
    if (rule.options.label == table) return true;
    if (absl::StrCat(rule.target, "/", rule.options.table.ToString()) == AsAbsl(table)) return true;
  }
  return false;
}

bool Ingestor::IsLeaving(std::string_view table) const {
  for (const Leaving& leaving : leaving_) {
    const std::string& label = leaving.pipeline->options().label;
    if (label == table) return true;
    if (absl::StrCat(leaving.pipeline->target().name(), "/", label) == AsAbsl(table)) return true;
  }
  return false;
}

// Files are opened without the lock: the other tables' rows go on.
absl::StatusOr<Pipeline*> Ingestor::MakeUnlisted(TableRule rule) {
  const std::string label = rule.options.label;
  std::unique_ptr<Pipeline> pipeline = NewPipeline(std::move(rule));
  MutexLock lock(mutex_);
  making_.erase(label);
  made_.NotifyAll();
  // (A pipeline that comes too late is drained by its destructor.)
  if (draining_) return absl::UnavailableError("the daemon is stopping");
  return pipelines_.emplace(label, std::move(pipeline)).first->second.get();
}

std::vector<Pipeline*> Ingestor::pipelines() const {
  MutexLock lock(mutex_);
  std::vector<Pipeline*> pipelines;
  for (const auto& [label, pipeline] : pipelines_) pipelines.push_back(pipeline.get());
  return pipelines;
}

std::vector<Pipeline*> Ingestor::leaving() const {
  MutexLock lock(mutex_);
  std::vector<Pipeline*> leaving;
  for (const Leaving& one : leaving_) {
    if (!one.pipeline->drained()) leaving.push_back(one.pipeline.get());
  }
  return leaving;
}

bool Ingestor::RowsWait(const Target* target) const {
  std::vector<Pipeline*> all = pipelines();
  for (Pipeline* pipeline : leaving()) all.push_back(pipeline);
  return std::any_of(all.begin(), all.end(), [target](const Pipeline* pipeline) {
    return &pipeline->target() == target && pipeline->status().queued_rows > 0;
  });
}

std::vector<const Target*> Ingestor::targets() const {
  std::vector<const Target*> targets;
  for (const auto& [name, target] : targets_) targets.push_back(target.get());
  return targets;
}

void Ingestor::Drain(TimePoint deadline) {
  std::vector<Pipeline*> drained;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    for (const auto& [label, pipeline] : pipelines_) {
      drained.push_back(pipeline.get());
      pipeline->EndDrainBy(deadline);  // where Apply drains it already
    }
    for (const Leaving& leaving : leaving_) leaving.pipeline->EndDrainBy(deadline);
  }
  std::vector<std::thread> drains;
  drains.reserve(drained.size());
  for (Pipeline* pipeline : drained) {
    drains.emplace_back([pipeline, deadline] { pipeline->Drain(deadline); });
  }
  for (std::thread& drain : drains) drain.join();
  // Those that were being drained already.
  std::vector<std::thread> leaving_drains;
  {
    MutexLock lock(mutex_);
    while (applying_) made_.Wait(mutex_);
    for (Leaving& leaving : leaving_) leaving_drains.push_back(std::move(leaving.drain));
  }
  for (std::thread& drain : leaving_drains) {
    if (drain.joinable()) drain.join();
  }
  resources_.memory->Close();
}

}  // namespace batchsql
