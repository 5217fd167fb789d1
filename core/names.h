#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace batchsql {

// Number of a row in its pipeline, from 1, never reused.
using Lsn = uint64_t;

// When a request is answered (docs/architecture.md, "Acknowledgements").
enum class AckLevel : uint8_t { kMemory = 1, kJournal = 2, kDatabase = 3 };

// Of a column's name in a request: no database takes a longer one, but SQLite, which takes any.
inline constexpr size_t kColumnNameBytesMax = 255;
// INVALID_ARGUMENT, without the name.
absl::Status ColumnNameTooLong();

// What happens to a row whose key is in the table already.
enum class Conflict : uint8_t { kInsert, kIgnore, kUpdate, kReplace };

std::string_view ConflictName(Conflict conflict);
absl::StatusOr<Conflict> ParseConflict(std::string_view text);

// A table inside one database: `name` or `schema.name` (for MySQL the schema is a database). A part
// that holds a dot cannot be named.
struct TableName {
  std::string schema;  // empty: the connection's default
  std::string name;

  std::string ToString() const { return schema.empty() ? name : schema + "." + name; }
  bool operator==(const TableName&) const = default;
};

// INVALID_ARGUMENT for an empty part, more than two parts, a NUL, or more than 255 bytes.
absl::StatusOr<TableName> ParseTableName(std::string_view text);

}  // namespace batchsql
