#include "core/names.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"

namespace batchsql {

std::string_view ConflictName(Conflict conflict) {
  switch (conflict) {
    case Conflict::kInsert:
      return "insert";
    case Conflict::kIgnore:
      return "ignore";
    case Conflict::kUpdate:
      return "update";
    case Conflict::kReplace:
      return "replace";
  }
  return "";
}

absl::StatusOr<Conflict> ParseConflict(std::string_view text) {
  for (Conflict conflict :
       {Conflict::kInsert, Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    if (ConflictName(conflict) == text) return conflict;
  }
  return absl::InvalidArgumentError("expected insert, ignore, update or replace");
}

absl::StatusOr<TableName> ParseTableName(std::string_view text) {
  if (text.size() > 255) return absl::InvalidArgumentError("table name is longer than 255 bytes");
  if (text.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("table name holds a NUL");
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(AsAbsl(text), '.');
  for (absl::string_view part : parts) {
    if (part.empty()) return absl::InvalidArgumentError("table name is empty, or a part of it is");
  }
  if (parts.size() > 2) {
    return absl::InvalidArgumentError("table name has more than the two parts schema.name");
  }
  if (parts.size() == 1) return TableName{"", std::string(parts[0])};
  return TableName{std::string(parts[0]), std::string(parts[1])};
}

}  // namespace batchsql
