#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/table_schema.h"

namespace batchsql {

// One row of information_schema.COLUMNS.
struct MySqlColumnFacts {
  std::string name;
  std::string data_type;    // varchar
  std::string column_type;  // varchar(20)
  bool nullable = true;
  std::optional<std::string> default_value;
  std::string extra;  // auto_increment, STORED GENERATED, …
  std::optional<uint64_t> chars_max;
  std::optional<uint64_t> octets_max;
  std::optional<uint64_t> numeric_precision;
  std::optional<uint64_t> numeric_scale;
  std::optional<uint64_t> datetime_precision;
  std::string charset;
  std::string collation;
  bool checks_json = false;  // MariaDB's JSON: LONGTEXT CHECK (json_valid(name))
};

// The column as validation sees it. FAILED_PRECONDITION, naming column and type, for a type that
// cannot be written faithfully, unless the column is generated.
absl::StatusOr<Column> MySqlColumn(const MySqlColumnFacts& facts);

}  // namespace batchsql
