#include "executors/shared/seen_schemas.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "executors/shared/write_session.h"

namespace batchsql {
namespace {

DatabaseError Changed(std::string message) {
  return {ErrorClass::kPause, std::string(kSchemaChangedCode), std::move(message), {}, {}};
}

// Columns of `before` that are not the same in `now`. Where rows of equal keys may not be merged
// any more, the key counts as changed.
std::vector<uint16_t> ChangedColumns(const TableSchema& before, const TableSchema& now) {
  std::vector<uint16_t> changed;
  for (size_t i = 0; i < before.columns().size(); ++i) {
    const Column& column = before.column(i);
    const int at = now.FindColumn(column.name);
    if (at < 0 || !(now.column(at) == column)) changed.push_back(static_cast<uint16_t>(i));
  }
  if (before.CanCoalesce() && !now.CanCoalesce()) {
    changed.insert(changed.end(), before.conflict_key().begin(), before.conflict_key().end());
  }
  return changed;
}

DatabaseError CheckCarried(const WritePlan& plan, absl::Span<const uint16_t> changed) {
  for (const WriteGroup& group : plan.groups) {
    for (const uint16_t column : group.columns) {
      if (std::find(changed.begin(), changed.end(), column) == changed.end()) continue;
      return Changed(absl::StrCat("column ", plan.schema->column(column).name, " has changed"));
    }
  }
  return {};
}

}  // namespace

DatabaseError SeenSchemas::Check(const WritePlan& plan, std::string form, Describe describe) {
  const auto found = seen_.find(plan.schema.get());
  // The address may be another schema's by now.
  if (found != seen_.end() && found->second.schema.lock() == plan.schema &&
      found->second.form == form) {
    return CheckCarried(plan, found->second.changed);
  }
  DatabaseError error;
  const absl::StatusOr<TableSchema> now = describe(&error);
  if (!error.ok()) return error;
  if (absl::IsUnavailable(now.status())) {
    return {ErrorClass::kRetry, "", std::string(now.status().message()), {}, {}};
  }
  if (!now.ok()) return Changed(std::string(now.status().message()));
  absl::erase_if(seen_, [](const auto& entry) { return entry.second.schema.expired(); });
  Seen& seen = seen_[plan.schema.get()];
  seen = {plan.schema, std::move(form), ChangedColumns(*plan.schema, *now)};
  return CheckCarried(plan, seen.changed);
}

}  // namespace batchsql
