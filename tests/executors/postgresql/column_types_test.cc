#include "executors/postgresql/column_types.h"

#include <catch2/catch.hpp>

#include "executors/postgresql/native_types.h"

namespace batchsql::postgresql {
namespace {

NativeType Type(uint32_t oid, int32_t modifier = -1) {
  NativeType type;
  type.oid = oid;
  type.modifier = modifier;
  return type;
}

int32_t NumericModifier(int32_t precision, int32_t scale) {
  return (precision << 16 | (scale & 0x7FF)) + 4;
}

TEST_CASE("Integers have their type's range") {
  Column column;
  REQUIRE(DescribeType(Type(kInt2Oid), false, &column));
  CHECK(column.type == ColumnType::kInt64);
  CHECK(column.min == -32768);
  CHECK(column.max == 32767);
  REQUIRE(DescribeType(Type(kInt4Oid), false, &column));
  CHECK(column.max == 2147483647);
}

TEST_CASE("numeric(p, s) has p digits, s of them after the point") {
  Column column;
  REQUIRE(DescribeType(Type(kNumericOid, NumericModifier(38, 10)), false, &column));
  CHECK(column.precision == 38);
  CHECK(column.scale == 10);
  CHECK_FALSE(column.key_is_bytes);
}

TEST_CASE("numeric without bounds has none") {
  Column column;
  REQUIRE(DescribeType(Type(kNumericOid), false, &column));
  CHECK(column.precision == 0);
}

TEST_CASE("A scale below zero or above the precision is refused") {
  Column column;
  CHECK_FALSE(DescribeType(Type(kNumericOid, NumericModifier(5, -2)), false, &column));
  CHECK_FALSE(DescribeType(Type(kNumericOid, NumericModifier(3, 5)), false, &column));
}

TEST_CASE("varchar(n) holds n characters and no NUL") {
  Column column;
  REQUIRE(DescribeType(Type(kVarcharOid, 24), false, &column));
  CHECK(column.chars_max == 20);
  CHECK_FALSE(column.takes_nul);
  CHECK(column.key_is_bytes);
}

TEST_CASE("Text keys are bytes only under a deterministic collation, padded ones never") {
  Column column;
  NativeType type = Type(kTextOid);
  type.deterministic_collation = false;
  REQUIRE(DescribeType(type, false, &column));
  CHECK_FALSE(column.key_is_bytes);
  REQUIRE(DescribeType(Type(kBpcharOid), false, &column));
  CHECK_FALSE(column.key_is_bytes);
}

TEST_CASE("timestamp(3) keeps three digits of a second") {
  Column column;
  REQUIRE(DescribeType(Type(kTimestampOid, 3), false, &column));
  CHECK(column.fraction_digits == 3);
  REQUIRE(DescribeType(Type(kTimestampTzOid), false, &column));
  CHECK(column.fraction_digits == 6);
}

TEST_CASE("An array tells its element") {
  Column column;
  REQUIRE(DescribeType(Type(kInt4Oid), true, &column));
  CHECK(column.type == ColumnType::kArray);
  CHECK(column.element == ColumnType::kInt64);
  CHECK(column.element_native_id == kInt4Oid);
  CHECK(column.max == 2147483647);
  CHECK_FALSE(column.key_is_bytes);
}

TEST_CASE("Types that are none of ours are refused") {
  Column column;
  for (const uint32_t oid :
       {1266U /* timetz */, 1186U /* interval */, 869U /* inet */, 790U /* money */}) {
    CHECK_FALSE(DescribeType(Type(oid), false, &column));
  }
}

}  // namespace
}  // namespace batchsql::postgresql
