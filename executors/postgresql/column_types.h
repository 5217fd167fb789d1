#pragma once

#include <cstdint>
#include <string>

#include "core/table_schema.h"

namespace batchsql::postgresql {

// A type as pg_type tells it, domains peeled off.
struct NativeType {
  uint32_t oid = 0;
  std::string name;  // pg_type.typname
  bool is_enum = false;
  int32_t modifier = -1;  // atttypmod
  bool deterministic_collation = true;
};

// Sets the type of `column` and everything that validation and encoding need to know of it; with
// `as_element`, as an array's element. False when values of the type cannot be written faithfully.
bool DescribeType(const NativeType& type, bool as_element, Column* column);

}  // namespace batchsql::postgresql
