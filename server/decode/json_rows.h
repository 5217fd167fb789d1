#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/executor.h"
#include "core/row_block_builder.h"
#include "server/decode/row_source.h"

namespace batchsql {

// How a body holds its rows.
enum class JsonForm : uint8_t {
  kDocument,  // one array of objects, or one object
  kLines,     // one object a line; blank lines are skipped
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

// The rows of a JSON body, read by RFC 8259 and strictly: a body with a key twice in one object, a
// NaN, bad UTF-8 or anything after its end is refused as a whole. What a cell becomes:
//   integer of 64 bits, signed or unsigned   Value::Int, Value::Uint
//   any other number                         Value::Number with the number as it was written
//   string, true and false, null             Value::Text, Value::Bool, Value::Null
//   no such key                              the cell is absent
//   array of scalars, for an array column    Value::List
//   any other array, object                  Value::Text with the JSON text as it was written
// A string for a column of JSON is JSON text too, as in `text_value` of the API.
//
// Errors name the row's index and the byte's offset where they are known, and never a value.
class JsonRowSource : public RowSource {
 public:
  JsonRowSource(JsonForm form, std::string bytes, const RequestLimits& limits)
      : body_(form, std::move(bytes)), limits_(limits) {}

  absl::Status Decode(RowBlockBuilder& builder) const override;

  // As ColumnInference says; in the order of the columns' first appearance.
  absl::StatusOr<std::vector<NewColumn>> InferColumns() const override;

 private:
  const JsonBody body_;
  const RequestLimits limits_;
};

}  // namespace batchsql
