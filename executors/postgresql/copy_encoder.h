#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/row_block.h"
#include "core/table_schema.h"
#include "core/write_plan.h"

namespace batchsql::postgresql {

// How a value is written in binary; found once per column and batch.
enum class WireForm : uint8_t {
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kDate,
  kTime,
  kTimestamp,
  kBytes,  // text, bytea, enum, uuid, json: as they are
  kJsonb,  // a version byte, then the text
  kNumeric,
  kArray,
};

WireForm WireFormOf(const Column& column);

// Writes rows in PostgreSQL's binary COPY format, or their columns as binary arrays, straight from
// their blocks into one buffer that is used again and again. One thread at a time.
class CopyEncoder {
 public:
  // Takes a piece of the stream; false: stop.
  using Sink = absl::FunctionRef<bool(std::string_view piece)>;

  // Encodes the rows with a header and a trailer, in pieces of about kPieceBytes. With
  // `with_ordinal` a first column of int8 numbers the rows from 1. False when the sink stopped it.
  bool Encode(const WritePlan& plan, absl::Span<const uint16_t> columns,
              absl::Span<const RowRange> rows, bool with_ordinal, Sink sink);

  // Encodes each column of the rows as an array of one dimension; no column may be an array itself.
  // The result stays valid until the next call.
  std::vector<std::string_view> EncodeArrays(const WritePlan& plan,
                                             absl::Span<const uint16_t> columns,
                                             absl::Span<const RowRange> rows);

  static constexpr size_t kPieceBytes = 128 << 10;
  // A buffer that one huge row has grown beyond this is given back.
  static constexpr size_t kKeptBytes = 4 << 20;

 private:
  struct Encoder {
    WireForm form;
    uint32_t oid;
    WireForm element_form;
    ColumnType element;
    uint32_t element_oid;
  };

  void Resolve(const TableSchema& schema, absl::Span<const uint16_t> columns);
  void StartBuffer();
  void Row(absl::Span<const ColumnView> views, uint32_t row, bool with_ordinal);
  void Array(const WritePlan& plan, uint16_t column, const Encoder& encoder,
             absl::Span<const RowRange> rows);
  char* Cell(char* out, const Encoder& encoder, const ColumnView& view, uint32_t row);
  char* Variable(char* out, const Encoder& encoder, std::string_view value);
  // Room for `bytes` and for the fixed parts of a row after them; returns where `out` is now.
  char* Reserve(char* out, size_t bytes);
  char* Grow(char* out, size_t bytes);
  bool Flush(Sink sink);

  std::vector<Encoder> encoders_;
  size_t row_bytes_ = 0;  // of a row without its variable values
  uint64_t ordinal_ = 0;
  std::unique_ptr<char[]> buffer_;
  char* end_ = nullptr;   // of the buffer
  char* next_ = nullptr;  // to be written
};

}  // namespace batchsql::postgresql
