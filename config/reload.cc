#include "config/reload.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

// Keeps the running value, and says so.
template <typename T>
void Keep(const char* key, const T& running, T* fresh, std::vector<std::string>* ignored) {
  if (*fresh == running) return;
  *fresh = running;
  ignored->emplace_back(key);
}

const TableOptions* FindTable(const Options& options, const TableOptions& table) {
  const auto found = std::find_if(
      options.tables.begin(), options.tables.end(), [&](const TableOptions& candidate) {
        return candidate.name == table.name && candidate.target == table.target;
      });
  return found == options.tables.end() ? nullptr : &*found;
}

// The rule that a table has, listed or not; null: none.
const TableOptions* FindRule(const Options& options, const TableOptions& table) {
  if (const TableOptions* listed = FindTable(options, table); listed != nullptr) return listed;
  TableOptions any;
  any.name = std::string(kAnyTable);
  any.target = table.target;
  return FindTable(options, any);
}

bool HasTarget(const Options& options, const std::string& name) {
  return std::any_of(options.targets.begin(), options.targets.end(),
                     [&](const TargetOptions& target) { return target.name == name; });
}

// A bound and what lies below it, where that needs a restart: together they are as they were
// checked.
void KeepLimits(const LimitOptions& running, LimitOptions* fresh,
                std::vector<std::string>* ignored) {
  Keep("limits.request_bytes_max", running.request_bytes_max, &fresh->request_bytes_max, ignored);
  if (fresh->memory_bytes_max < fresh->request_bytes_max) {
    Keep("limits.memory_bytes_max", running.memory_bytes_max, &fresh->memory_bytes_max, ignored);
  }
  Keep("limits.journal_segment_bytes", running.journal_segment_bytes, &fresh->journal_segment_bytes,
       ignored);
  if (fresh->journal_bytes_max < fresh->journal_segment_bytes) {
    Keep("limits.journal_bytes_max", running.journal_bytes_max, &fresh->journal_bytes_max, ignored);
  }
  Keep("limits.journal_grace_ms", running.journal_grace_ms, &fresh->journal_grace_ms, ignored);
}

// A table that goes to a target that is not running stays what it was, where it was.
void KeepTargets(const Options& running, ReloadedOptions* reloaded) {
  std::vector<TableOptions> waiting;
  std::vector<TableOptions>& tables = reloaded->options.tables;
  const auto served = std::stable_partition(
      tables.begin(), tables.end(),
      [&](const TableOptions& table) { return HasTarget(running, table.target); });
  std::move(served, tables.end(), std::back_inserter(waiting));
  tables.erase(served, tables.end());
  for (const TableOptions& table : waiting) {
    reloaded->ignored.push_back(absl::StrCat("tables[", table.name, "]"));
    for (const TableOptions& before : running.tables) {
      const bool kept =
          before.name == table.name && FindTable(reloaded->options, before) == nullptr;
      if (kept) tables.push_back(before);
    }
  }
}

// A table is only ever served where its rows wait: moving them is not done while they come.
void KeepJournals(const Options& running, ReloadedOptions* reloaded) {
  for (TableOptions& table : reloaded->options.tables) {
    const TableOptions* const before = FindRule(running, table);
    if (before == nullptr || before->journal == table.journal) continue;
    table.journal = before->journal;
    reloaded->ignored.push_back(absl::StrCat("tables[", table.name, "].journal"));
  }
  // Those that only the rule for all others covers from now on.
  std::vector<TableOptions> covered;
  for (const TableOptions& table : running.tables) {
    const TableOptions* const after = FindRule(reloaded->options, table);
    if (after == nullptr || after->name == table.name || after->journal == table.journal) continue;
    reloaded->ignored.push_back(absl::StrCat("tables[", table.name, "]"));
    covered.push_back(table);
  }
  for (TableOptions& table : covered) reloaded->options.tables.push_back(std::move(table));
}

}  // namespace

ReloadedOptions OptionsWhileRunning(const Options& running, Options fresh) {
  ReloadedOptions reloaded{std::move(fresh), {}};
  Options& options = reloaded.options;
  std::vector<std::string>* const ignored = &reloaded.ignored;
  Keep("data_dir", running.data_dir, &options.data_dir, ignored);
  Keep("instance", running.instance, &options.instance, ignored);
  Keep("grpc.listen", running.grpc.listen, &options.grpc.listen, ignored);
  Keep("http.listen", running.http.listen, &options.http.listen, ignored);
  Keep("targets", running.targets, &options.targets, ignored);
  Keep("monitoring", running.monitoring, &options.monitoring, ignored);
  Keep(absl::StrCat("environments.", running.environment.name).c_str(), running.environment,
       &options.environment, ignored);
  KeepLimits(running.limits, &options.limits, ignored);
  KeepTargets(running, &reloaded);
  KeepJournals(running, &reloaded);
  return reloaded;
}

}  // namespace batchsql
