#include "executors/mysql/column_types.h"

#include <catch2/catch.hpp>
#include <string>

#include "core/civil_time.h"

namespace batchsql {
namespace {

MySqlColumnFacts Facts(const std::string& data_type, const std::string& column_type) {
  MySqlColumnFacts facts;
  facts.name = "c";
  facts.data_type = data_type;
  facts.column_type = column_type;
  return facts;
}

Column Described(const MySqlColumnFacts& facts) {
  const absl::StatusOr<Column> column = MySqlColumn(facts);
  INFO(column.status().ToString());
  REQUIRE(column.ok());
  return *column;
}

Column Described(const std::string& data_type, const std::string& column_type) {
  return Described(Facts(data_type, column_type));
}

TEST_CASE("JSON is a type of MySQL's, and a check of MariaDB's on text") {
  CHECK(Described("json", "json").type == ColumnType::kJson);
  MySqlColumnFacts text = Facts("longtext", "longtext");
  text.charset = "utf8mb4";
  CHECK(Described(text).type == ColumnType::kText);
  text.checks_json = true;
  CHECK(Described(text).type == ColumnType::kJson);
}

TEST_CASE("Integers have the range of their width") {
  const Column tiny = Described("tinyint", "tinyint(4)");
  CHECK((tiny.type == ColumnType::kInt64 && tiny.min == -128 && tiny.max == 127));
  CHECK(Described("tinyint", "tinyint(1)").max == 127);
  const Column medium = Described("mediumint", "mediumint(8) unsigned");
  CHECK((medium.type == ColumnType::kInt64 && medium.min == 0 && medium.max == 16777215));
  const Column wide = Described("int", "int(10) unsigned zerofill");
  CHECK((wide.min == 0 && wide.max == 4294967295));
  const Column big = Described("bigint", "bigint(20)");
  CHECK((big.type == ColumnType::kInt64 && big.min == INT64_MIN && big.max == INT64_MAX));
  CHECK(Described("bigint", "bigint unsigned").type == ColumnType::kUint64);
  CHECK(big.key_is_bytes);
}

TEST_CASE("Reals that round in silence are refused") {
  CHECK(Described("double", "double").type == ColumnType::kFloat64);
  CHECK_FALSE(Described("double", "double").key_is_bytes);
  MySqlColumnFacts rounding = Facts("double", "double(10,2)");
  rounding.numeric_scale = 2;
  CHECK(MySqlColumn(rounding).status().code() == absl::StatusCode::kFailedPrecondition);
  MySqlColumnFacts decimal = Facts("decimal", "decimal(12,3)");
  decimal.numeric_precision = 12;
  decimal.numeric_scale = 3;
  const Column column = Described(decimal);
  CHECK((column.type == ColumnType::kDecimal && column.precision == 12 && column.scale == 3));
}

TEST_CASE("Text keys are bytes only where the collation is binary and does not pad") {
  MySqlColumnFacts facts = Facts("varchar", "varchar(20)");
  facts.chars_max = 20;
  facts.octets_max = 80;
  for (const char* collation : {"utf8mb4_0900_bin", "utf8mb4_nopad_bin"}) {
    facts.collation = collation;
    CHECK(Described(facts).key_is_bytes);
  }
  for (const char* collation :
       {"utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_0900_ai_ci", "utf8mb4_nopad_general_ci"}) {
    facts.collation = collation;
    CHECK_FALSE(Described(facts).key_is_bytes);
  }
  CHECK(Described(facts).chars_max == 20);
  CHECK(Described(facts).bytes_max == kNoLimit);
}

TEST_CASE("TEXT counts bytes where they are those of UTF-8") {
  MySqlColumnFacts facts = Facts("text", "text");
  facts.chars_max = 65535;
  facts.octets_max = 65535;
  facts.charset = "utf8mb4";
  CHECK(Described(facts).bytes_max == 65535);
  CHECK(Described(facts).chars_max == kNoLimit);
  facts.charset = "latin1";
  CHECK(Described(facts).chars_max == 65535);
  CHECK(Described(facts).bytes_max == kNoLimit);
}

TEST_CASE("Dates and times have the database's range and precision") {
  MySqlColumnFacts facts = Facts("timestamp", "timestamp(3)");
  facts.datetime_precision = 3;
  const Column stamp = Described(facts);
  CHECK(stamp.type == ColumnType::kTimestampTz);
  CHECK(stamp.fraction_digits == 3);
  CHECK(stamp.min == kMicrosPerSecond);
  CHECK(stamp.max == *ParseTimestamp("2038-01-19 03:14:07.999999"));
  CHECK(Described("datetime", "datetime").fraction_digits == 0);
  CHECK(Described("datetime", "datetime").max == *ParseTimestamp("9999-12-31 23:59:59.999999"));
  CHECK(Described("date", "date").min == *ParseDate("0001-01-01"));
  CHECK(Described("time", "time").min == -Described("time", "time").max);
}

TEST_CASE("An enum's labels are unescaped") {
  const Column column = Described("enum", R"(enum('a','it''s','b\\c','x,y'))");
  CHECK(column.labels == std::vector<std::string>{"a", "it's", "b\\c", "x,y"});
  CHECK_FALSE(column.key_is_bytes);
}

TEST_CASE("Defaults: MariaDB writes NULL where a nullable column has none") {
  MySqlColumnFacts facts = Facts("int", "int");
  CHECK_FALSE(Described(facts).has_default);
  facts.default_value = "NULL";
  CHECK_FALSE(Described(facts).has_default);
  facts.default_value = "7";
  CHECK(Described(facts).has_default);
  facts.default_value.reset();
  facts.nullable = false;
  facts.extra = "auto_increment";
  CHECK(Described(facts).has_default);
}

TEST_CASE("A type that cannot be written is refused by name, unless it is generated") {
  for (const char* type : {"bit", "set", "geometry", "point", "inet6", "vector"}) {
    MySqlColumnFacts facts = Facts(type, type);
    const absl::Status status = MySqlColumn(facts).status();
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(status.ToString().find("column c has type " + std::string(type)) != std::string::npos);
    facts.extra = "STORED GENERATED";
    CHECK(Described(facts).generated);
  }
  MySqlColumnFacts with_default = Facts("datetime", "datetime");
  with_default.extra = "DEFAULT_GENERATED on update CURRENT_TIMESTAMP";
  CHECK_FALSE(Described(with_default).generated);
}

}  // namespace
}  // namespace batchsql
