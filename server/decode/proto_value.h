#pragma once

#include <string_view>
#include <vector>

#include "core/value.h"

namespace batchsql {

// Reads one batchsql.v1.Value from its encoded bytes. A list's elements are put into `elements`,
// which must outlive the value; a list in a list is refused. Throws protozero::exception for bytes
// that are no such message.
Value DecodeProtoValue(std::string_view message, std::vector<Value>* elements);

// The elements of a batchsql.v1.ListValue; throws as above.
void DecodeProtoList(std::string_view message, std::vector<Value>* elements);

}  // namespace batchsql
