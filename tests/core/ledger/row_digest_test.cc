#include "core/row_digest.h"

#include <catch2/catch.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Texts = std::vector<std::optional<std::string>>;

RowDigest OfTexts(const TableSchema& schema, const Texts& texts) {
  std::vector<const std::string*> cells;
  for (const auto& text : texts) cells.push_back(text.has_value() ? &*text : nullptr);
  return RowDigester(schema).OfTexts(cells);
}

RowDigest OfRows(const TableSchema& schema, const std::vector<TestRow>& rows) {
  return RowDigester(schema).OfBlock(BuildBlock(schema, rows));
}

TEST_CASE("A digest does not depend on the rows' order, but on each of them and how often") {
  const TableSchema schema = TestTableAB(Conflict::kInsert);
  const TestRow one = {{"id", Value::Int(1)}, {"a", Value::Int(5)}};
  const TestRow two = {{"id", Value::Int(2)}};
  const RowDigest both = OfRows(schema, {one, two});
  CHECK(both == OfRows(schema, {two, one}));
  CHECK_FALSE(both == OfRows(schema, {one}));
  CHECK_FALSE(both == OfRows(schema, {one, two, two}));
  CHECK_FALSE(both == OfRows(schema, {{{"id", Value::Int(1)}},
                                      {{"id", Value::Int(2)}, {"a", Value::Int(5)}}}));
  RowDigest less = both;
  less -= OfRows(schema, {two});
  CHECK(less == OfRows(schema, {one}));
  CHECK(RowDigest::FromBytes(both.ToBytes()) == both);
}

TEST_CASE("Sums carry from the lower half into the upper one and back") {
  RowDigest sum = {1, std::numeric_limits<uint64_t>::max()};
  sum += {2, 1};
  CHECK(sum == RowDigest{4, 0});
  sum -= {2, 1};
  CHECK(sum == RowDigest{1, std::numeric_limits<uint64_t>::max()});
}

TEST_CASE("NULL and an absent cell weigh the same: nothing") {
  const TableSchema schema = TestTableAB(Conflict::kInsert);
  const RowDigest absent = OfRows(schema, {{{"id", Value::Int(1)}}});
  CHECK(absent == OfRows(schema, {{{"id", Value::Int(1)}, {"b", Value::Null()}}}));
  CHECK(absent == OfTexts(schema, {std::nullopt, std::nullopt, "1"}));
}

TEST_CASE("Columns whose value the daemon may not know are left out") {
  Column defaulted = TestColumn("d", ColumnType::kInt64);
  defaulted.has_default = true;
  Column generated = TestColumn("g", ColumnType::kInt64);
  generated.generated = true;
  const TableSchema schema =
      TestTable({defaulted, generated, TestColumn("j", ColumnType::kJson)}, Conflict::kInsert);
  std::vector<std::string> names;
  for (const uint16_t column : DigestColumns(schema)) names.push_back(schema.column(column).name);
  CHECK(names == std::vector<std::string>{"id"});
}

TEST_CASE("A value weighs the same as it was sent and as a database shows it") {
  struct Form {
    ColumnType type;
    Value sent;
    std::string shown;
  };
  const std::string uuid = "00112233-4455-6677-8899-aabbccddeeff";
  const std::vector<Form> forms = {
      {ColumnType::kBool, Value::Bool(true), "t"},
      {ColumnType::kBool, Value::Bool(false), "0"},
      {ColumnType::kInt64, Value::Int(std::numeric_limits<int64_t>::min()), "-9223372036854775808"},
      {ColumnType::kUint64, Value::Uint(UINT64_MAX), "18446744073709551615"},
      {ColumnType::kFloat64, Value::Double(0.1), "0.1"},
      {ColumnType::kFloat64, Value::Double(std::numeric_limits<double>::infinity()), "Infinity"},
      {ColumnType::kFloat64, Value::Double(-std::numeric_limits<double>::quiet_NaN()), "NaN"},
      {ColumnType::kFloat32, Value::Double(static_cast<double>(0.1F)), "0.1"},
      {ColumnType::kFloat32, Value::Double(static_cast<double>(0.1F)), "0.1000000015"},
      {ColumnType::kDecimal, Value::Number("1.50"), "1.5000"},
      {ColumnType::kText, Value::Text("größer "), "größer "},
      {ColumnType::kText, Value::Text(""), ""},
      {ColumnType::kBytes, Value::Bytes({"\x00\xff", 2}), "\\x00ff"},
      {ColumnType::kBytes, Value::Bytes(""), "\\x"},
      {ColumnType::kDate, Value::Date(19'782), "2024-02-29"},
      {ColumnType::kDate, Value::Date(-719'893), "-719893"},
      {ColumnType::kTime, Value::Time(86'399'999'999), "86399999999"},
      {ColumnType::kTimestamp, Value::Timestamp(1'709'251'199'999'999),
       "2024-02-29 23:59:59.999999"},
      {ColumnType::kTimestampTz, Value::Timestamp(1'709'251'199'999'999), "1709251199999999"},
      {ColumnType::kUuid, Value::Text(uuid), uuid},
  };
  for (const Form& form : forms) {
    INFO(ColumnTypeName(form.type) << " " << form.shown);
    const TableSchema schema = TestTable({TestColumn("v", form.type)}, Conflict::kInsert);
    const RowDigest sent = OfRows(schema, {{{"id", Value::Int(1)}, {"v", form.sent}}});
    CHECK(sent == OfTexts(schema, {"1", form.shown}));
    CHECK_FALSE(sent == OfTexts(schema, {"1", "2" + form.shown}));
    CHECK_FALSE(sent == OfTexts(schema, {"1", std::nullopt}));
  }
}

}  // namespace
}  // namespace batchsql
