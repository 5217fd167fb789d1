#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/executor.h"
#include "core/row_block_builder.h"
#include "core/table_schema.h"

namespace batchsql {

// How a body holds its rows.
enum class JsonForm : uint8_t {
  kDocument,  // one array of objects, or one object
  kLines,     // one object a line; blank lines are skipped
};

struct JsonLimits {
  uint32_t request_rows_max = 100'000;
  uint32_t columns_max = 1'000;
  uint32_t json_depth_max =
      64;  // brackets open at once, counted from the start of the body or line
};

// A request's body, followed by the padding that the parser reads beyond its end.
class JsonBody {
 public:
  JsonBody(JsonForm form, std::string bytes);

  JsonForm form() const { return form_; }
  std::string_view bytes() const { return {padded_.data(), size_}; }
  size_t padded_size() const { return padded_.size(); }

 private:
  JsonForm form_;
  size_t size_;
  std::string padded_;
};

// Decodes JSON bodies by RFC 8259, strictly: a body with a key twice in one object, a NaN, bad
// UTF-8 or anything after its end is refused as a whole. What a cell becomes:
//   integer of 64 bits, signed or unsigned   Value::Int, Value::Uint
//   any other number                         Value::Number with the number as it was written
//   string, true and false, null             Value::Text, Value::Bool, Value::Null
//   no such key                              the cell is absent
//   array of scalars, for an array column    Value::List
//   any other array, object                  Value::Text with the JSON text as it was written
// A string for a column of JSON is JSON text too, as in `text_value` of the API.
//
// Errors: INVALID_ARGUMENT for a malformed body, RESOURCE_EXHAUSTED for a limit, which it names;
// with the row's index and the byte's offset where they are known, and never with a value.
//
// Keeps the parser's scratch memory from one request to the next. One thread at a time.
class JsonRowsDecoder {
 public:
  explicit JsonRowsDecoder(const JsonLimits& limits);
  ~JsonRowsDecoder();
  JsonRowsDecoder(const JsonRowsDecoder&) = delete;
  JsonRowsDecoder& operator=(const JsonRowsDecoder&) = delete;

  // Appends the body's rows to `builder`, which was started with `schema`. After an error the
  // builder must be started again.
  absl::Status Decode(const JsonBody& body, const TableSchema& schema, RowBlockBuilder& builder);

  // The columns that a table for these rows needs, in the order of their first appearance. Integers
  // become kInt64 (kUint64 where one needs it), other numbers kFloat64, booleans kBool, objects and
  // arrays kJson, strings kTimestampTz when all of them are RFC 3339 timestamps, else kText; what
  // is mixed or only null becomes kText.
  absl::StatusOr<std::vector<NewColumn>> InferColumns(const JsonBody& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace batchsql
