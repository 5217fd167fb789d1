#include "executors/sqlite/declared_type.h"

#include <catch2/catch.hpp>

namespace batchsql::sqlite {
namespace {

struct Expectation {
  const char* declared;
  ColumnType type;
};

TEST_CASE("Declared types whose values SQLite keeps") {
  const Expectation expected = GENERATE(values<Expectation>({
      {"INTEGER", ColumnType::kInt64},
      {"int", ColumnType::kInt64},
      {"BigInt", ColumnType::kInt64},
      {"UNSIGNED BIG INT", ColumnType::kInt64},
      {"int(11) unsigned", ColumnType::kInt64},
      {"BOOLEAN", ColumnType::kBool},
      {"bool", ColumnType::kBool},
      {"REAL", ColumnType::kFloat64},
      {"DOUBLE PRECISION", ColumnType::kFloat64},
      {"FLOAT", ColumnType::kFloat64},
      {"TEXT", ColumnType::kText},
      {"VARCHAR(10)", ColumnType::kText},
      {"NATIVE CHARACTER(70)", ColumnType::kText},
      {"CLOB", ColumnType::kText},
      {"BLOB", ColumnType::kBytes},
      {"VARBINARY(16)", ColumnType::kBytes},
      {"DATE", ColumnType::kDate},
      {"TIME", ColumnType::kTime},
      {"DATETIME", ColumnType::kTimestamp},
      {"TIMESTAMP(6)", ColumnType::kTimestamp},
      {"timestamp  (6)  with\ttime zone", ColumnType::kTimestampTz},
      {"TIMESTAMPTZ", ColumnType::kTimestampTz},
      {"JSON", ColumnType::kJson},
      {"JSON TEXT", ColumnType::kJson},
      {"UUID", ColumnType::kUuid},
      {"DECIMAL(10,2) TEXT", ColumnType::kDecimal},
      {"UNSIGNED TEXT", ColumnType::kUint64},
  }));
  INFO(expected.declared);
  Column column;
  REQUIRE(ApplyDeclaredType(expected.declared, &column).ok());
  CHECK(ColumnTypeName(column.type) == ColumnTypeName(expected.type));
  CHECK(column.native_type == expected.declared);
}

TEST_CASE("Declared types whose values SQLite would change are refused by the column's name") {
  // POINT and INTERVAL have INTEGER affinity, STRING and the decimals NUMERIC.
  const char* declared = GENERATE("", "DECIMAL(10,2)", "NUMERIC", "NUMBER", "MONEY", "STRING",
                                  "POINT", "INTERVAL", "FLOATING POINT", "INT8RANGE", "ANY");
  INFO(declared);
  Column column;
  column.name = "amount";
  const absl::Status status = ApplyDeclaredType(declared, &column);
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(std::string(status.message()).find("column amount") != std::string::npos);
}

TEST_CASE("What is refused for its digits says what to declare") {
  Column column;
  const absl::Status status = ApplyDeclaredType("DECIMAL(10,2)", &column);
  CHECK(std::string(status.message()).find("declare it DECIMAL TEXT") != std::string::npos);
}

TEST_CASE("Affinity follows SQLite's five rules in their order") {
  CHECK(AffinityOf("CHARINT") == Affinity::kInteger);
  CHECK(AffinityOf("TEXTBLOB") == Affinity::kText);
  CHECK(AffinityOf("BLOBREAL") == Affinity::kBlob);
  CHECK(AffinityOf("") == Affinity::kBlob);
  CHECK(AffinityOf("double") == Affinity::kReal);
  CHECK(AffinityOf("DATE") == Affinity::kNumeric);
}

TEST_CASE("What is inferred is declared so that it is described as the same type") {
  for (int i = 0; i < static_cast<int>(ColumnType::kEnum); ++i) {
    const auto type = static_cast<ColumnType>(i);
    if (type == ColumnType::kFloat32) continue;  // REAL holds both
    Column column;
    REQUIRE(ApplyDeclaredType(DeclaredTypeFor(type), &column).ok());
    CHECK(ColumnTypeName(column.type) == ColumnTypeName(type));
  }
}

TEST_CASE("Floats refuse what SQLite would store as something else") {
  Column column;
  REQUIRE(ApplyDeclaredType("REAL", &column).ok());
  CHECK_FALSE(column.takes_nan);
  CHECK_FALSE(column.takes_negative_zero);
  CHECK(column.takes_infinity);
  CHECK_FALSE(column.key_is_bytes);
}

}  // namespace
}  // namespace batchsql::sqlite
