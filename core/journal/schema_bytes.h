#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "core/table_schema.h"

namespace batchsql {

// A table's schema as a segment's header holds it (docs/journal-format.md, "Schema").
void AppendSchema(const TableSchema& schema, ByteWriter& out);
// DATA_LOSS: not such bytes.
absl::StatusOr<TableSchema> ParseSchema(std::string_view bytes);

}  // namespace batchsql
