#pragma once

#include <cstdint>
#include <string_view>

#include "batchsql/v1/ingest.pb.h"
#include "core/value.h"

namespace batchsql::cli {

// Sets the fields of `cell` to what `value` says.
void SetValue(const Value& value, v1::Value* cell);

// Fills one column of a message, row by row. All its values must be of one kind, but integers mix
// with doubles while a double holds both exactly, and with larger ones while none is negative. A
// row without a value is absent.
class ColumnBuilder {
 public:
  // `column` is owned by the message.
  ColumnBuilder(std::string_view name, v1::Column* column);

  // False when `row` already has a value.
  bool MayAppend(uint32_t row) const { return row >= rows_; }
  // Rows ascend. False when the value does not fit the column's kind; the column is then spoilt.
  [[nodiscard]] bool Append(const Value& value, uint32_t row);
  // The column has `rows` rows.
  void Finish(uint32_t rows);

 private:
  enum class Data : uint8_t { kNone, kBools, kInts, kUints, kDoubles, kTexts, kLists };

  static Data DataOf(Value::Kind kind);
  void Mark(uint32_t row, char state);
  void Pad(uint32_t rows);
  void AddDefault();
  bool TakeKind(Data wanted);
  bool WidenToDoubles();
  bool WidenToUints();
  bool AddValue(const Value& value);

  v1::Column* column_;
  Data data_ = Data::kNone;
  uint32_t rows_ = 0;       // marked
  uint32_t data_rows_ = 0;  // with an entry in the data
};

}  // namespace batchsql::cli
