#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/names.h"

namespace batchsql {

// Which pipeline a journal's directory belongs to.
struct JournalOwner {
  std::string target;
  TableName table;
  bool operator==(const JournalOwner&) const = default;
};

// A directory name: target, schema and table, parted by dots; every other byte than letters,
// digits,
// `_` and `-` as `%` and two hexadecimal digits.
std::string JournalDirectoryName(const JournalOwner& owner);
// nullopt: no such name.
std::optional<JournalOwner> ParseJournalDirectoryName(std::string_view name);

}  // namespace batchsql
