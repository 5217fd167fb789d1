#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/rejection.h"
#include "core/table_schema.h"
#include "core/value.h"

namespace batchsql {

// A value in the form in which a RowBlock holds it.
struct CheckedCell {
  RejectReason reason = RejectReason::kNone;
  uint64_t fixed = 0;      // types of fixed width
  std::string_view bytes;  // the others; the client's own bytes, or `scratch`
};

// Converts a value (neither absent nor NULL) to what `column` stores, changing nothing about what
// it means; refuses it where that is not possible. docs/types.md tables what is taken by what.
CheckedCell CheckCell(const Column& column, const Value& value, std::string* scratch);

}  // namespace batchsql
