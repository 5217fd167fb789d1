#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/table_schema.h"

namespace batchsql::sqlite {

// SQLite keeps what its column affinity makes of a value, not what the declared type says. This is
// the one place that knows which declared types keep our values unchanged.

// SQLite's "affinity" of a declared type (https://sqlite.org/datatype3.html, 3.1).
enum class Affinity : uint8_t { kInteger, kText, kBlob, kReal, kNumeric };
Affinity AffinityOf(std::string_view declared);

// Sets the column's type and limits from its declared type. FAILED_PRECONDITION, naming the column,
// where no value of the type would be kept faithfully.
absl::Status ApplyDeclaredType(std::string_view declared, Column* column);

// The type that CREATE TABLE gives a column inferred from rows.
std::string_view DeclaredTypeFor(ColumnType type);

}  // namespace batchsql::sqlite
