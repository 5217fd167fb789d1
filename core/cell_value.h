#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/row_block.h"
#include "core/table_schema.h"
#include "core/value.h"

namespace batchsql {

// The cell as a client could have sent it: the inverse of CheckCell. `view` is a column of a block
// built against `column`; `elements` holds what a list points at and must outlive the value.
Value CellValue(const Column& column, const ColumnView& view, uint32_t row,
                std::vector<Value>* elements);
// The same for one value as a block holds it: `fixed` or `bytes`, as the type asks.
Value StoredValue(ColumnType type, ColumnType element, uint64_t fixed, std::string_view bytes,
                  std::vector<Value>* elements);

}  // namespace batchsql
