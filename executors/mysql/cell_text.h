#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "core/civil_time.h"
#include "core/table_schema.h"

namespace batchsql {

// Cells in the form that both servers read exactly.

inline constexpr size_t kMySqlCellChars = kTimestampChars;

// A date, time or timestamp of a block as MySQL writes it: 2024-02-29, -838:59:59.000000,
// 2024-02-29 23:59:59.999999. The text lies in `buffer`.
std::string_view MySqlTimeText(ColumnType type, int64_t value, absl::Span<char> buffer);

// 16 bytes as 36 characters. The text lies in `buffer`.
std::string_view MySqlUuidText(std::string_view bytes, absl::Span<char> buffer);

}  // namespace batchsql
