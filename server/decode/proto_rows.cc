#include "server/decode/proto_rows.h"

#include <optional>
#include <protozero/pbf_message.hpp>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/names.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "server/decode/column_inference.h"
#include "server/decode/proto_value.h"

namespace batchsql {
namespace {

// Field numbers of batchsql.v1.Rows and Row.
enum class RowsField : protozero::pbf_tag_type { kColumns = 1, kRows = 2 };
enum class RowField : protozero::pbf_tag_type { kValues = 1 };

constexpr auto kBytes = protozero::pbf_wire_type::length_delimited;

std::string_view View(const protozero::data_view& view) { return {view.data(), view.size()}; }

absl::Status WrongLength(uint32_t row, size_t columns) {
  return absl::InvalidArgumentError(absl::StrCat(
      "row ", row, " does not have as many values as the request has columns, ", columns));
}

// Calls on_column(name), then for each row on_value(index in row, value) and on_row(row, values).
// Columns may follow rows on the wire, so they are read first.
template <typename OnColumn, typename OnValue, typename OnRow>
absl::Status ReadRows(std::string_view message, const RequestLimits& limits, OnColumn on_column,
                      OnValue on_value, OnRow on_row) {
  protozero::pbf_message<RowsField> names(message.data(), message.size());
  while (names.next(RowsField::kColumns, kBytes)) {
    const std::string_view name = View(names.get_view());
    if (!InspectUtf8(name).valid) {
      return absl::InvalidArgumentError("a column's name is not valid UTF-8");
    }
    if (name.size() > kColumnNameBytesMax) return ColumnNameTooLong();
    if (absl::Status status = on_column(name); !status.ok()) return status;
  }
  uint32_t row = 0;
  std::vector<Value> elements;
  protozero::pbf_message<RowsField> rows(message.data(), message.size());
  while (rows.next(RowsField::kRows, kBytes)) {
    if (row == limits.request_rows_max) {
      return LimitPassed(
          absl::StrCat("the request has more than limits.request_rows_max = ", row, " rows"));
    }
    uint32_t values = 0;
    const std::string_view cells_of_row = View(rows.get_view());
    if (cells_of_row.size() > limits.row_bytes_max) {
      return LimitPassed(absl::StrCat("row ", row, " has ", cells_of_row.size(),
                                      " bytes, limits.row_bytes_max is ", limits.row_bytes_max));
    }
    protozero::pbf_message<RowField> cells(cells_of_row.data(), cells_of_row.size());
    while (cells.next(RowField::kValues, kBytes)) {
      if (absl::Status status =
              on_value(values++, DecodeProtoValue(View(cells.get_view()), &elements), row);
          !status.ok()) {
        return status;
      }
    }
    if (absl::Status status = on_row(row++, values); !status.ok()) return status;
  }
  if (row == 0) return absl::InvalidArgumentError("the request has no rows");
  return absl::OkStatus();
}

}  // namespace

absl::Status ProtoRows::Decode(RowBlockBuilder& builder) const {
  absl::InlinedVector<uint32_t, 32> columns;
  auto on_column = [&](std::string_view name) -> absl::Status {
    const uint32_t known = builder.bound_columns();
    const absl::StatusOr<uint32_t> bound = builder.BindColumn(name, limits_.columns_max);
    if (!bound.ok()) return bound.status();
    if (*bound < known) return NamedTwice(name);
    columns.push_back(*bound);
    return absl::OkStatus();
  };
  auto on_value = [&](uint32_t index, const Value& value, uint32_t row) -> absl::Status {
    if (index >= columns.size()) return WrongLength(row, columns.size());
    builder.Append(columns[index], value);
    return absl::OkStatus();
  };
  auto on_row = [&](uint32_t row, uint32_t values) -> absl::Status {
    if (values != columns.size()) return WrongLength(row, columns.size());
    builder.EndRow();
    return absl::OkStatus();
  };
  try {
    return ReadRows(message_, limits_, on_column, on_value, on_row);
  } catch (const protozero::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("malformed rows: ", error.what()));
  }
}

absl::StatusOr<std::vector<NewColumn>> ProtoRows::InferColumns() const {
  ColumnInference inference(limits_.columns_max);
  absl::InlinedVector<size_t, 32> columns;
  auto on_column = [&](std::string_view name) -> absl::Status {
    const size_t known = inference.size();
    const absl::StatusOr<size_t> column = inference.Add(name);
    if (!column.ok()) return column.status();
    if (*column < known) return NamedTwice(name);
    columns.push_back(*column);
    return absl::OkStatus();
  };
  auto on_value = [&](uint32_t index, const Value& value, uint32_t row) {
    if (index >= columns.size()) return WrongLength(row, columns.size());
    inference.Observe(columns[index], value);
    return absl::OkStatus();
  };
  auto on_row = [&](uint32_t row, uint32_t values) {
    return values == columns.size() ? absl::OkStatus() : WrongLength(row, columns.size());
  };
  try {
    absl::Status status = ReadRows(message_, limits_, on_column, on_value, on_row);
    if (!status.ok()) return status;
  } catch (const protozero::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("malformed rows: ", error.what()));
  }
  return inference.Finish();
}

}  // namespace batchsql
