#include "config/reload.h"

#include <algorithm>
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

// A table is only ever served where its rows wait: moving them is not done while they come.
void KeepJournals(const Options& running, ReloadedOptions* reloaded) {
  std::vector<TableOptions> tables;
  for (TableOptions& table : reloaded->options.tables) {
    const std::string key = absl::StrCat("tables[", table.name, "]");
    if (!HasTarget(running, table.target)) {
      reloaded->ignored.push_back(key);
      continue;
    }
    const TableOptions* const before = FindRule(running, table);
    if (before != nullptr && before->journal != table.journal) {
      table.journal = before->journal;
      reloaded->ignored.push_back(absl::StrCat(key, ".journal"));
    }
    tables.push_back(std::move(table));
  }
  reloaded->options.tables = std::move(tables);
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
  const LimitOptions& limits = running.limits;
  Keep("limits.request_bytes_max", limits.request_bytes_max, &options.limits.request_bytes_max,
       ignored);
  Keep("limits.journal_segment_bytes", limits.journal_segment_bytes,
       &options.limits.journal_segment_bytes, ignored);
  Keep("limits.journal_grace_ms", limits.journal_grace_ms, &options.limits.journal_grace_ms,
       ignored);
  KeepJournals(running, &reloaded);
  return reloaded;
}

}  // namespace batchsql
