// Counts what decoding allocates.

#include <catch2/catch.hpp>

#include "batchsql/v1/ingest.pb.h"
#include "server/decode/proto_columns.h"
#include "server/decode/proto_rows.h"
#include "tests/support/counted_allocations.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

// Workload W's columns, and texts that are converted.
TableSchema Events() {
  Column name = TestColumn("name", ColumnType::kText);
  name.chars_max = 64;
  return TestTable(
      {TestColumn("ts", ColumnType::kTimestampTz), TestColumn("user", ColumnType::kInt64), name,
       TestColumn("amount", ColumnType::kFloat64), TestColumn("payload", ColumnType::kText),
       TestColumn("ok", ColumnType::kBool), TestColumn("price", ColumnType::kDecimal),
       TestColumn("key", ColumnType::kUuid), TestColumn("doc", ColumnType::kJson),
       TestColumn("raw", ColumnType::kBytes), TestColumn("count", ColumnType::kUint64),
       TestColumn("day", ColumnType::kDate)});
}

const char kUuid[] = "01234567-89ab-cdef-0123-456789abcdef";
const char kPrice[] = "1234567890123456789012345678.12345678";
const char kJson[] = R"({"a": [1, [2, [3, {"b": "some text of a usual length"}]]]})";

std::string RowsMessage(int rows) {
  v1::Rows message;
  for (const char* column : {"id", "ts", "user", "name", "amount", "payload", "ok", "price", "key",
                             "doc", "raw", "count", "day"}) {
    message.add_columns(column);
  }
  for (int row = 0; row < rows; ++row) {
    v1::Row* const cells = message.add_rows();
    cells->add_values()->set_int_value(row);
    cells->add_values()->set_timestamp_us(row);
    cells->add_values()->set_int_value(row % 100);
    cells->add_values()->set_text_value("a name of 16 chs");
    cells->add_values()->set_double_value(row / 4.0);
    if (row % 3 == 0) {
      cells->add_values()->set_null_value(true);
    } else {
      cells->add_values()->set_text_value(std::string(40, 'p'));
    }
    cells->add_values()->set_bool_value(true);
    cells->add_values()->set_text_value(kPrice);
    cells->add_values()->set_text_value(kUuid);
    cells->add_values()->set_text_value(kJson);
    cells->add_values()->set_bytes_value(std::string(20, '\xff'));
    cells->add_values()->set_uint_value(7);
    cells->add_values()->set_date_days(7);
  }
  return message.SerializeAsString();
}

std::string ColumnsMessage(int rows) {
  v1::Columns message;
  message.set_row_count(static_cast<uint32_t>(rows));
  const auto add = [&message](const char* name) {
    message.add_columns()->set_name(name);
    return message.mutable_columns(message.columns_size() - 1);
  };
  const auto add_texts = [&](const char* name, const std::string& text) {
    v1::Blobs* const texts = add(name)->mutable_texts();
    for (int row = 0; row < rows; ++row) {
      texts->mutable_data()->append(text);
      texts->add_ends(static_cast<uint32_t>(texts->data().size()));
    }
  };
  v1::Column* const id = add("id");
  v1::Column* const ts = add("ts");
  v1::Column* const amount = add("amount");
  v1::Column* const user = add("user");
  for (int row = 0; row < rows; ++row) {
    id->mutable_ints()->add_values(row);
    ts->mutable_timestamps_us()->add_values(row);
    amount->mutable_doubles()->add_values(row / 4.0);
    user->mutable_ints()->add_values(1);
    user->mutable_presence()->push_back(row % 3 == 0 ? '\1' : '\2');
  }
  add_texts("name", "a name of 16 chs");
  add_texts("payload", std::string(40, 'p'));
  add_texts("price", kPrice);
  add_texts("key", kUuid);
  add_texts("doc", kJson);
  return message.SerializeAsString();
}

// Allocations of a request from decoding to the finished block.
template <typename Source>
uint64_t Allocations(RowBlockBuilder& builder, const TableSchema& schema,
                     const std::string& message, uint32_t rows) {
  const Source source(message, {});
  const uint64_t before = AllocationsOfThread();
  builder.Start(schema);
  const absl::Status status = source.Decode(builder);
  const BuiltRows built = builder.Finish();
  const uint64_t made = AllocationsOfThread() - before;
  REQUIRE(status.ok());
  REQUIRE(built.rejected.empty());
  REQUIRE(built.block->rows() == rows);
  return made;
}

TEST_CASE("Decoding rows allocates for the request and not for the row") {
  const TableSchema schema = Events();
  RowBlockBuilder builder;
  const std::string small = RowsMessage(1'000);
  const std::string large = RowsMessage(2'000);
  Allocations<ProtoRows>(builder, schema, large, 2'000);
  const uint64_t of_small = Allocations<ProtoRows>(builder, schema, small, 1'000);
  CHECK(Allocations<ProtoRows>(builder, schema, large, 2'000) == of_small);
  CHECK(of_small > 0);
  CHECK(of_small < 20);
}

TEST_CASE("Decoding columns allocates for the request and not for the row") {
  const TableSchema schema = Events();
  RowBlockBuilder builder;
  const std::string small = ColumnsMessage(1'000);
  const std::string large = ColumnsMessage(2'000);
  Allocations<ProtoColumns>(builder, schema, large, 2'000);
  const uint64_t of_small = Allocations<ProtoColumns>(builder, schema, small, 1'000);
  CHECK(Allocations<ProtoColumns>(builder, schema, large, 2'000) == of_small);
  CHECK(of_small > 0);
  CHECK(of_small < 20);
}

}  // namespace
}  // namespace batchsql
