#include "server/decode/proto_columns.h"

#include <algorithm>
#include <cstring>
#include <protozero/pbf_message.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/names.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "server/decode/column_inference.h"
#include "server/decode/proto_value.h"

namespace batchsql {
namespace {

// Field numbers of batchsql.v1.Columns, Column and of the messages that hold the cells.
enum class ColumnsField : protozero::pbf_tag_type { kRowCount = 1, kColumns = 2 };
enum class ColumnField : protozero::pbf_tag_type {
  kName = 1,
  kPresence = 2,
  kBools = 3,
  kInts = 4,
  kUints = 5,
  kDoubles = 6,
  kTexts = 7,
  kBlobs = 8,
  kTimestampsUs = 9,
  kDatesDays = 10,
  kTimesUs = 11,
  kLists = 12,
};
enum class PackedField : protozero::pbf_tag_type { kValues = 1 };
enum class BlobsField : protozero::pbf_tag_type { kData = 1, kEnds = 2 };

constexpr auto kBytes = protozero::pbf_wire_type::length_delimited;

std::string_view View(const protozero::data_view& view) { return {view.data(), view.size()}; }

struct ReadColumn {
  std::string_view name;
  std::string_view presence;
  ColumnField field = ColumnField::kName;  // kName: no data
  std::string_view data;                   // of the message in `field`
};

ReadColumn ReadColumnMessage(std::string_view message) {
  ReadColumn column;
  protozero::pbf_message<ColumnField> reader(message.data(), message.size());
  while (reader.next()) {
    const ColumnField field = reader.tag();
    // A known field of another wire type is one that we do not know.
    if (field > ColumnField::kLists || reader.wire_type() != kBytes) {
      reader.skip();
    } else if (field == ColumnField::kName) {
      column.name = View(reader.get_view());
    } else if (field == ColumnField::kPresence) {
      column.presence = View(reader.get_view());
    } else {
      column.field = field;
      column.data = View(reader.get_view());
    }
  }
  return column;
}

Value::Kind KindOf(ColumnField field) {
  switch (field) {
    case ColumnField::kBools:
      return Value::Kind::kBool;
    case ColumnField::kInts:
      return Value::Kind::kInt;
    case ColumnField::kUints:
      return Value::Kind::kUint;
    case ColumnField::kDoubles:
      return Value::Kind::kDouble;
    case ColumnField::kTexts:
      return Value::Kind::kText;
    case ColumnField::kBlobs:
      return Value::Kind::kBytes;
    case ColumnField::kTimestampsUs:
      return Value::Kind::kTimestamp;
    case ColumnField::kDatesDays:
      return Value::Kind::kDate;
    case ColumnField::kTimesUs:
      return Value::Kind::kTime;
    case ColumnField::kLists:
      return Value::Kind::kList;
    default:
      return Value::Kind::kAbsent;
  }
}

absl::Status WrongLength(std::string_view column, std::string_view what, uint32_t rows) {
  return absl::InvalidArgumentError(absl::StrCat("column ", AsAbsl(column), ": ", AsAbsl(what),
                                                 " do not count row_count = ", rows));
}

absl::Status NotOnePiece(std::string_view column) {
  return absl::InvalidArgumentError(
      absl::StrCat("column ", AsAbsl(column), ": values and ends must each be one packed field"));
}

// The packed field `values` of Bools, Ints, Uints and Doubles. Empty when there is none. Encoders
// write such a field in one piece; parsers of protobuf would join several.
absl::StatusOr<std::string_view> PackedValues(const ReadColumn& column) {
  protozero::pbf_message<PackedField> reader(column.data.data(), column.data.size());
  std::string_view packed;
  while (reader.next(PackedField::kValues)) {
    if (!packed.empty() || reader.wire_type() != kBytes) return NotOnePiece(column.name);
    packed = View(reader.get_view());
  }
  return packed;
}

absl::Status CheckEnds(const ReadColumn& column, std::string_view ends, std::string_view heap,
                       uint32_t rows) {
  if (ends.size() != size_t{rows} * sizeof(uint32_t)) return WrongLength(column.name, "ends", rows);
  uint32_t previous = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    uint32_t end = 0;
    std::memcpy(&end, ends.data() + row * sizeof(end), sizeof(end));
    if (end < previous || end > heap.size()) {
      return absl::InvalidArgumentError(absl::StrCat("column ", AsAbsl(column.name),
                                                     ": ends are not ascending or pass the data"));
    }
    previous = end;
  }
  return absl::OkStatus();
}

absl::StatusOr<RowBlockBuilder::ColumnData> ReadBlobs(const ReadColumn& column, uint32_t rows) {
  RowBlockBuilder::ColumnData data;
  std::string_view ends;
  protozero::pbf_message<BlobsField> reader(column.data.data(), column.data.size());
  while (reader.next()) {
    const bool is_bytes = reader.wire_type() == kBytes;
    if (reader.tag() == BlobsField::kData && is_bytes) {
      data.heap = View(reader.get_view());
    } else if (reader.tag() == BlobsField::kEnds) {
      if (!ends.empty() || !is_bytes) return NotOnePiece(column.name);
      ends = View(reader.get_view());
    } else {
      reader.skip();
    }
  }
  if (absl::Status status = CheckEnds(column, ends, data.heap, rows); !status.ok()) return status;
  data.ends = ends.data();
  return data;
}

// The column's cells in the builder's form; for every kind but lists.
absl::StatusOr<RowBlockBuilder::ColumnData> ReadData(const ReadColumn& column, uint32_t rows) {
  RowBlockBuilder::ColumnData data;
  if (column.field == ColumnField::kTexts || column.field == ColumnField::kBlobs) {
    absl::StatusOr<RowBlockBuilder::ColumnData> blobs = ReadBlobs(column, rows);
    if (!blobs.ok()) return blobs.status();
    data = *blobs;
  } else {
    const size_t width = column.field == ColumnField::kBools ? 1 : sizeof(uint64_t);
    const absl::StatusOr<std::string_view> values = PackedValues(column);
    if (!values.ok()) return values.status();
    if (values->size() != rows * width) return WrongLength(column.name, "values", rows);
    data.fixed = values->data();
  }
  data.kind = KindOf(column.field);
  data.states = {reinterpret_cast<const uint8_t*>(column.presence.data()), column.presence.size()};
  return data;
}

absl::Status CheckColumn(const ReadColumn& column, uint32_t rows) {
  if (column.field == ColumnField::kName) {
    return absl::InvalidArgumentError(absl::StrCat("column ", AsAbsl(column.name), " has no data"));
  }
  if (column.presence.empty()) return absl::OkStatus();
  if (column.presence.size() != rows) return WrongLength(column.name, "presence's bytes", rows);
  for (char state : column.presence) {
    if (state < 0 || state > static_cast<char>(CellState::kValue)) {
      return absl::InvalidArgumentError(
          absl::StrCat("column ", AsAbsl(column.name), ": presence holds a byte above 2"));
    }
  }
  return absl::OkStatus();
}

// Lists are rare: cell by cell.
absl::Status AppendLists(RowBlockBuilder& builder, uint32_t bound, const ReadColumn& column,
                         uint32_t rows) {
  std::vector<Value> elements;
  uint32_t row = 0;
  protozero::pbf_message<PackedField> reader(column.data.data(), column.data.size());
  while (reader.next(PackedField::kValues, kBytes)) {
    const std::string_view list = View(reader.get_view());
    if (row == rows) return WrongLength(column.name, "values", rows);
    const auto state =
        column.presence.empty() ? CellState::kValue : static_cast<CellState>(column.presence[row]);
    Value value;
    if (state == CellState::kNull) value = Value::Null();
    if (state == CellState::kValue) {
      DecodeProtoList(list, &elements);
      value = Value::List(elements);
    }
    builder.AppendToColumn(bound, value, row);
    ++row;
  }
  return row == rows ? absl::OkStatus() : WrongLength(column.name, "values", rows);
}

absl::Status AppendColumn(RowBlockBuilder& builder, const ReadColumn& column, uint32_t rows,
                          uint32_t columns_max) {
  if (absl::Status status = CheckColumn(column, rows); !status.ok()) return status;
  const uint32_t known = builder.bound_columns();
  const absl::StatusOr<uint32_t> bound = builder.BindColumn(column.name, columns_max);
  if (!bound.ok()) return bound.status();
  if (*bound < known) return NamedTwice(column.name);
  if (column.field == ColumnField::kLists) return AppendLists(builder, *bound, column, rows);
  absl::StatusOr<RowBlockBuilder::ColumnData> data = ReadData(column, rows);
  if (!data.ok()) return data.status();
  builder.AppendColumn(*bound, *data, rows);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ReadRowCount(std::string_view message, const RequestLimits& limits) {
  uint32_t rows = 0;
  protozero::pbf_message<ColumnsField> reader(message.data(), message.size());
  while (reader.next(ColumnsField::kRowCount, protozero::pbf_wire_type::varint)) {
    rows = reader.get_uint32();
  }
  if (rows == 0) return absl::InvalidArgumentError("the request has no rows");
  if (rows > limits.request_rows_max) {
    return LimitPassed(absl::StrCat(
        "the request has more than limits.request_rows_max = ", limits.request_rows_max, " rows"));
  }
  return rows;
}

template <typename OnColumn>
absl::Status ReadColumns(std::string_view message, OnColumn on_column) {
  uint32_t columns = 0;
  protozero::pbf_message<ColumnsField> reader(message.data(), message.size());
  while (reader.next(ColumnsField::kColumns, kBytes)) {
    ++columns;
    const ReadColumn column = ReadColumnMessage(View(reader.get_view()));
    if (!InspectUtf8(column.name).valid) {
      return absl::InvalidArgumentError("a column's name is not valid UTF-8");
    }
    if (column.name.size() > kColumnNameBytesMax) return ColumnNameTooLong();
    if (absl::Status status = on_column(column); !status.ok()) return status;
  }
  return columns > 0 ? absl::OkStatus() : absl::InvalidArgumentError("the request has no columns");
}

// Adds the bytes of the column's cells to the rows' sizes.
absl::Status AddSizes(const ReadColumn& column, std::vector<uint64_t>& sizes) {
  const auto rows = static_cast<uint32_t>(sizes.size());
  if (column.field == ColumnField::kTexts || column.field == ColumnField::kBlobs) {
    const absl::StatusOr<RowBlockBuilder::ColumnData> blobs = ReadBlobs(column, rows);
    if (!blobs.ok()) return blobs.status();
    uint32_t previous = 0;
    for (uint32_t row = 0; row < rows; ++row) {
      uint32_t end = 0;
      std::memcpy(&end, blobs->ends + row * sizeof(end), sizeof(end));
      sizes[row] += end - std::exchange(previous, end);
    }
  } else if (column.field == ColumnField::kLists) {
    uint32_t row = 0;
    protozero::pbf_message<PackedField> reader(column.data.data(), column.data.size());
    while (row < rows && reader.next(PackedField::kValues, kBytes)) {
      sizes[row++] += reader.get_view().size();
    }
  } else {
    for (uint64_t& size : sizes) size += sizeof(uint64_t);
  }
  return absl::OkStatus();
}

absl::Status CheckRowSizes(std::string_view message, uint32_t rows, const RequestLimits& limits) {
  if (message.size() <= limits.row_bytes_max) return absl::OkStatus();  // no row can be larger
  std::vector<uint64_t> sizes(rows);
  absl::Status status =
      ReadColumns(message, [&](const ReadColumn& column) { return AddSizes(column, sizes); });
  if (!status.ok()) return status;
  const auto largest = std::max_element(sizes.begin(), sizes.end());
  if (*largest <= limits.row_bytes_max) return absl::OkStatus();
  return LimitPassed(absl::StrCat("row ", largest - sizes.begin(), " has ", *largest,
                                  " bytes, limits.row_bytes_max is ", limits.row_bytes_max));
}

Value SampleOf(const ReadColumn& column) {
  Value value;
  value.kind = KindOf(column.field);
  return value;
}

}  // namespace

absl::Status ProtoColumns::Decode(RowBlockBuilder& builder) const {
  try {
    const absl::StatusOr<uint32_t> rows = ReadRowCount(message_, limits_);
    if (!rows.ok()) return rows.status();
    absl::Status status = CheckRowSizes(message_, *rows, limits_);
    if (!status.ok()) return status;
    status = ReadColumns(message_, [&](const ReadColumn& column) {
      return AppendColumn(builder, column, *rows, limits_.columns_max);
    });
    if (status.ok()) builder.EndRows(*rows);
    return status;
  } catch (const protozero::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("malformed columns: ", error.what()));
  }
}

absl::StatusOr<std::vector<NewColumn>> ProtoColumns::InferColumns() const {
  ColumnInference inference(limits_.columns_max);
  try {
    absl::Status status = ReadColumns(message_, [&](const ReadColumn& column) -> absl::Status {
      const size_t known = inference.size();
      const absl::StatusOr<size_t> index = inference.Add(column.name);
      if (!index.ok()) return index.status();
      if (*index < known) return NamedTwice(column.name);
      inference.Observe(*index, SampleOf(column));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  } catch (const protozero::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("malformed columns: ", error.what()));
  }
  return inference.Finish();
}

}  // namespace batchsql
