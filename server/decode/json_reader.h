#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/value.h"
#include "server/decode/json_rows.h"

namespace batchsql {

// One cell of a JSON row. The views are valid until the next row is read.
struct JsonCell {
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInteger,  // fits 64 bits, signed or unsigned
    kNumber,   // any other number
    kText,
    kScalars,  // array without arrays and objects in it; `value` is the list
    kNested,   // object, or array with arrays or objects in it
  };
  Kind kind = Kind::kNull;
  Value value;           // of all kinds but kNested
  std::string_view raw;  // the JSON text of kScalars and kNested
};

// Takes the rows of a body, cell by cell.
class JsonRowSink {
 public:
  virtual ~JsonRowSink() = default;
  // The reader adds row and offset to the error's message.
  virtual absl::Status Cell(std::string_view key, const JsonCell& cell) = 0;
  virtual void EndRow() = 0;
};

// Walks JSON bodies with simdjson's on-demand parser, which checks only what is looked at: so
// everything is looked at. One thread at a time.
class JsonReader {
 public:
  explicit JsonReader(const RequestLimits& limits) : limits_(limits) {}

  absl::Status Read(const JsonBody& body, JsonRowSink& sink);

 private:
  using Array = simdjson::ondemand::array;
  using Element = simdjson::ondemand::value;
  using Object = simdjson::ondemand::object;

  absl::Status ReadDocument(std::string_view text, JsonRowSink& sink);
  absl::Status ReadLines(std::string_view text, JsonRowSink& sink);
  absl::Status ReadRows(Array rows, JsonRowSink& sink);
  absl::Status ReadLine(std::string_view line, JsonRowSink& sink);
  absl::Status ReadRow(Object row, uint32_t depth, JsonRowSink& sink);
  absl::Status ReadCell(Element element, uint32_t depth, JsonCell* cell);
  absl::Status ReadArray(Element element, uint32_t depth, JsonCell* cell);
  absl::Status ReadObject(Element element, uint32_t depth, JsonCell* cell);
  absl::Status ReadScalar(Element element, simdjson::ondemand::json_type type, JsonCell* cell);
  absl::Status ReadNumber(Element element, JsonCell* cell);
  absl::Status Check(Element element, uint32_t depth);
  absl::Status CheckKeys(Object object, uint32_t depth);
  absl::Status CheckDepth(uint32_t depth) const;
  absl::Status Open(std::string_view text);
  absl::Status CheckEnd();

  absl::Status At(const absl::Status& status);
  absl::Status Malformed(simdjson::error_code error);

  const RequestLimits limits_;
  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
  std::vector<Value> elements_;  // of the array that was read last

  // Of the body being read.
  std::string_view body_;
  const char* padded_end_ = nullptr;
  uint32_t row_ = 0;
};

}  // namespace batchsql
