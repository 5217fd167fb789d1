#include "core/names.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace batchsql {

absl::Status ColumnNameTooLong() {
  return absl::InvalidArgumentError(
      absl::StrCat("a column's name is longer than ", kColumnNameBytesMax, " bytes"));
}

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
  // A view without data would be split into no part at all.
  if (text.empty()) return absl::InvalidArgumentError("table name is empty");
  if (text.size() > 255) return absl::InvalidArgumentError("table name is longer than 255 bytes");
  const Utf8Facts facts = InspectUtf8(text);
  if (!facts.valid) return absl::InvalidArgumentError("table name is not valid UTF-8");
  if (facts.has_nul) return absl::InvalidArgumentError("table name holds a NUL");
  const std::vector<absl::string_view> parts = absl::StrSplit(AsAbsl(text), '.');
  for (absl::string_view part : parts) {
    if (part.empty()) return absl::InvalidArgumentError("a part of the table name is empty");
  }
  if (parts.size() > 2) {
    return absl::InvalidArgumentError("table name has more than the two parts schema.name");
  }
  if (parts.size() == 1) return TableName{"", std::string(parts[0])};
  return TableName{std::string(parts[0]), std::string(parts[1])};
}

}  // namespace batchsql
