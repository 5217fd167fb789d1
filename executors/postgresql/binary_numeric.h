#pragma once

#include <cstddef>
#include <string_view>

namespace batchsql::postgresql {

// The most bytes that EncodeNumeric writes for a text of this length.
constexpr size_t NumericBytesMax(size_t chars) { return 16 + chars; }

// Writes a canonical decimal (core/table_schema.h, kDecimal) or "NaN" as PostgreSQL's numeric_send
// does: count, weight, sign, scale, digits in base 10000. Returns the end.
char* EncodeNumeric(char* out, std::string_view text);

}  // namespace batchsql::postgresql
