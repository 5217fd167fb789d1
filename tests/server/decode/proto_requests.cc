#include "tests/server/decode/proto_requests.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/decode/write_request.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

struct ColumnOfTable {
  const char* name;
  ColumnType type;
  int value_field;   // of v1.Value
  int column_field;  // of v1.Column
};

const ColumnOfTable kColumns[] = {
    {"id", ColumnType::kInt64, 3, 4},       {"flag", ColumnType::kBool, 2, 3},
    {"natural", ColumnType::kUint64, 4, 5}, {"real", ColumnType::kFloat64, 5, 6},
    {"name", ColumnType::kText, 6, 7},      {"blob", ColumnType::kBytes, 7, 8},
    {"at", ColumnType::kTimestampTz, 8, 9}, {"day", ColumnType::kDate, 9, 10},
    {"time", ColumnType::kTime, 10, 11},    {"tags", ColumnType::kArray, 11, 12},
    {"amount", ColumnType::kDecimal, 6, 7}, {"unknown", ColumnType::kText, 6, 7},
};

std::string RandomText(std::mt19937& random) {
  static const std::string kTexts[] = {
      "", "a", "12.5", "gr\xc3\xbcn", std::string("a\0b", 3), std::string(40, 'x'), "-7"};
  return kTexts[random() % std::size(kTexts)];
}

int64_t RandomInt(std::mt19937& random) {
  const int64_t edges[] = {0, -1, 1, INT64_MIN, INT64_MAX, 100, 1 << 20};
  return edges[random() % std::size(edges)];
}

v1::Value RandomValue(std::mt19937& random, int field, bool may_nest = true) {
  v1::Value value;
  switch (field) {
    case 1:
      value.set_null_value(random() % 2 == 0);
      break;
    case 2:
      value.set_bool_value(random() % 2 == 0);
      break;
    case 3:
      value.set_int_value(RandomInt(random));
      break;
    case 4:
      value.set_uint_value(static_cast<uint64_t>(RandomInt(random)));
      break;
    case 5:
      value.set_double_value(static_cast<double>(RandomInt(random)) / 8);
      break;
    case 6:
      value.set_text_value(RandomText(random));
      break;
    case 7:
      value.set_bytes_value(RandomText(random) + "\xff");
      break;
    case 8:
      value.set_timestamp_us(RandomInt(random));
      break;
    case 9:
      value.set_date_days(static_cast<int32_t>(RandomInt(random)));
      break;
    case 10:
      value.set_time_us(RandomInt(random));
      break;
    case 11:
      value.mutable_list_value();
      for (uint32_t i = random() % 4; may_nest && i > 0; --i) {
        *value.mutable_list_value()->add_values() =
            RandomValue(random, random() % 5 == 0 ? 1 : 6, false);
      }
      break;
    default:
      break;
  }
  return value;
}

Value ToValue(const v1::Value& value, std::vector<Value>* elements) {
  switch (value.kind_case()) {
    case v1::Value::kNullValue:
      return Value::Null();
    case v1::Value::kBoolValue:
      return Value::Bool(value.bool_value());
    case v1::Value::kIntValue:
      return Value::Int(value.int_value());
    case v1::Value::kUintValue:
      return Value::Uint(value.uint_value());
    case v1::Value::kDoubleValue:
      return Value::Double(value.double_value());
    case v1::Value::kTextValue:
      return Value::Text(value.text_value());
    case v1::Value::kBytesValue:
      return Value::Bytes(value.bytes_value());
    case v1::Value::kTimestampUs:
      return Value::Timestamp(value.timestamp_us());
    case v1::Value::kDateDays:
      return Value::Date(value.date_days());
    case v1::Value::kTimeUs:
      return Value::Time(value.time_us());
    case v1::Value::kListValue:
      elements->clear();
      for (const v1::Value& element : value.list_value().values()) {
        elements->push_back(ToValue(element, nullptr));
      }
      return Value::List(*elements);
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return {};
}

void AddToColumn(const v1::Value& value, v1::Column* column) {
  const auto add_blob = [](const std::string& bytes, v1::Blobs* blobs) {
    blobs->mutable_data()->append(bytes);
    blobs->add_ends(static_cast<uint32_t>(blobs->data().size()));
  };
  switch (value.kind_case()) {
    case v1::Value::kBoolValue:
      return column->mutable_bools()->add_values(value.bool_value());
    case v1::Value::kIntValue:
      return column->mutable_ints()->add_values(value.int_value());
    case v1::Value::kUintValue:
      return column->mutable_uints()->add_values(value.uint_value());
    case v1::Value::kDoubleValue:
      return column->mutable_doubles()->add_values(value.double_value());
    case v1::Value::kTextValue:
      return add_blob(value.text_value(), column->mutable_texts());
    case v1::Value::kBytesValue:
      return add_blob(value.bytes_value(), column->mutable_blobs());
    case v1::Value::kTimestampUs:
      return column->mutable_timestamps_us()->add_values(value.timestamp_us());
    case v1::Value::kDateDays:
      return column->mutable_dates_days()->add_values(value.date_days());
    case v1::Value::kTimeUs:
      return column->mutable_times_us()->add_values(value.time_us());
    case v1::Value::kListValue:
      *column->mutable_lists()->add_values() = value.list_value();
      return;
    default:
      return;
  }
}

std::string Blob(const v1::Blobs& blobs, int row) {
  const uint32_t begin = row == 0 ? 0 : blobs.ends(row - 1);
  return blobs.data().substr(begin, blobs.ends(row) - begin);
}

// The cell of a column as the value that a row would hold.
v1::Value CellOf(const v1::Column& column, int row) {
  v1::Value value;
  const char state = column.presence().empty() ? '\2' : column.presence()[static_cast<size_t>(row)];
  if (state == 0) return value;
  if (state == 1) {
    value.set_null_value(true);
    return value;
  }
  switch (column.data_case()) {
    case v1::Column::kBools:
      value.set_bool_value(column.bools().values(row));
      break;
    case v1::Column::kInts:
      value.set_int_value(column.ints().values(row));
      break;
    case v1::Column::kUints:
      value.set_uint_value(column.uints().values(row));
      break;
    case v1::Column::kDoubles:
      value.set_double_value(column.doubles().values(row));
      break;
    case v1::Column::kTexts:
      value.set_text_value(Blob(column.texts(), row));
      break;
    case v1::Column::kBlobs:
      value.set_bytes_value(Blob(column.blobs(), row));
      break;
    case v1::Column::kTimestampsUs:
      value.set_timestamp_us(column.timestamps_us().values(row));
      break;
    case v1::Column::kDatesDays:
      value.set_date_days(static_cast<int32_t>(column.dates_days().values(row)));
      break;
    case v1::Column::kTimesUs:
      value.set_time_us(column.times_us().values(row));
      break;
    case v1::Column::kLists:
      *value.mutable_list_value() = column.lists().values(row);
      break;
    default:
      break;
  }
  return value;
}

Decoded Dump(const TableSchema& schema, RowBlockBuilder& builder) {
  const BuiltRows built = builder.Finish();
  Decoded decoded;
  if (built.block.has_value()) decoded.rows = DumpBlock(schema, *built.block);
  decoded.rejected = DumpRejections(built.rejected);
  return decoded;
}

}  // namespace

TableSchema EveryTypeTable() {
  std::vector<Column> columns;
  for (const ColumnOfTable& column : kColumns) {
    if (column.name == std::string("unknown") || column.name == std::string("id")) continue;
    columns.push_back(TestColumn(column.name, column.type));
    columns.back().element = ColumnType::kText;
    if (column.type == ColumnType::kTimestampTz) columns.back().fraction_digits = 3;
    if (column.type == ColumnType::kText) columns.back().chars_max = 30;
  }
  return TestTable(columns);
}

v1::Rows RandomRows(std::mt19937& random, int rows) {
  v1::Rows message;
  for (const ColumnOfTable& column : kColumns) message.add_columns(column.name);
  for (int row = 0; row < rows; ++row) {
    v1::Row* const cells = message.add_rows();
    for (const ColumnOfTable& column : kColumns) {
      const bool unknown = column.name == std::string("unknown");
      const uint32_t dice = random() % 20;
      const int field = unknown     ? (dice == 0 ? 6 : 0)
                        : dice == 0 ? 0
                        : dice == 1 ? 1
                        : dice == 2 ? static_cast<int>(random() % 12)
                                    : column.value_field;
      *cells->add_values() = RandomValue(random, field);
    }
  }
  return message;
}

v1::Columns RandomColumns(std::mt19937& random, int rows) {
  v1::Columns message;
  message.set_row_count(static_cast<uint32_t>(rows));
  for (const ColumnOfTable& column : kColumns) {
    v1::Column* const cells = message.add_columns();
    cells->set_name(column.name);
    const int field = random() % 8 == 0 ? 2 + static_cast<int>(random() % 10) : column.value_field;
    for (int row = 0; row < rows; ++row) AddToColumn(RandomValue(random, field), cells);
    if (random() % 2 == 0 || column.name == std::string("unknown")) {
      for (int row = 0; row < rows; ++row) {
        const uint32_t dice = random() % 10;
        const bool absent = column.name == std::string("unknown") ? dice > 0 : dice == 0;
        cells->mutable_presence()->push_back(static_cast<char>(absent ? 0 : dice == 1 ? 1 : 2));
      }
    }
  }
  return message;
}

Decoded DecodeBytes(const TableSchema& schema, const std::string& write_request,
                    const RequestLimits& limits) {
  // On the heap and of the exact size, so that a sanitizer sees a read past the end.
  const std::unique_ptr<char[]> bytes(new char[write_request.size()]);
  write_request.copy(bytes.get(), write_request.size());
  const absl::StatusOr<DecodedRequest> request =
      DecodeWriteRequest({bytes.get(), write_request.size()}, limits);
  if (!request.ok()) return {request.status(), {}, {}};
  if (request->rows == nullptr) return {absl::InvalidArgumentError("no payload"), {}, {}};
  static_cast<void>(request->rows->InferColumns());
  RowBlockBuilder builder;
  builder.Start(schema);
  if (absl::Status status = request->rows->Decode(builder); !status.ok()) return {status, {}, {}};
  return Dump(schema, builder);
}

Decoded DecodeMessage(const TableSchema& schema, const v1::WriteRequest& request) {
  RowBlockBuilder builder;
  builder.Start(schema);
  std::vector<Value> elements;
  for (const v1::Row& row : request.rows().rows()) {
    for (int i = 0; i < row.values_size(); ++i) {
      builder.Append(*builder.BindColumn(request.rows().columns(i), 100),
                     ToValue(row.values(i), &elements));
    }
    builder.EndRow();
  }
  for (uint32_t row = 0; row < request.columns().row_count(); ++row) {
    for (const v1::Column& column : request.columns().columns()) {
      const v1::Value value = CellOf(column, static_cast<int>(row));
      builder.Append(*builder.BindColumn(column.name(), 100), ToValue(value, &elements));
    }
    builder.EndRow();
  }
  return Dump(schema, builder);
}

}  // namespace batchsql
