#pragma once

#include <simdjson.h>

#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/value.h"

namespace batchsql::cli {

// One member of a row's object. The views last until the next row is parsed.
struct JsonCell {
  std::string_view key;
  // The value: integers exact, other numbers as double where that is the same number, else their
  // text. An array of scalars is a list. Text with `raw` for objects and arrays that hold others.
  Value value;
  std::string_view raw;  // as the file writes it
  bool is_text = false;  // a JSON string
};

// Reads rows, one JSON object each, through simdjson. Everything is checked, also what is passed on
// as text. Used by one thread.
class JsonRowParser {
 public:
  using OnCell = absl::FunctionRef<absl::Status(const JsonCell& cell)>;

  // `line` lies in a buffer of which `capacity` bytes, counted from the line's beginning, are
  // readable: at least simdjson::SIMDJSON_PADDING more than the line. INVALID_ARGUMENT, without the
  // place, for what is no JSON object; `on_cell`'s own errors are passed through.
  absl::Status Parse(std::string_view line, size_t capacity, OnCell on_cell);

 private:
  using Element = simdjson::ondemand::value;

  absl::Status ReadCell(Element element, JsonCell* cell);
  absl::Status ReadArray(Element element, JsonCell* cell);
  absl::Status ReadScalar(Element element, simdjson::ondemand::json_type type, JsonCell* cell);

  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
  std::vector<Value> elements_;
};

}  // namespace batchsql::cli
