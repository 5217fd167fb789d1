#include "executors/mysql/sql_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/civil_time.h"
#include "executors/mysql/cell_text.h"
#include "executors/mysql/multi_row_writer.h"

namespace batchsql {
namespace {

Column Named(const std::string& name, ColumnType type = ColumnType::kInt64) {
  Column column;
  column.name = name;
  column.type = type;
  column.key_is_bytes = true;
  return column;
}

// id (primary key), a, b, c (generated), d (auto-increment).
TableSchema Schema(WriteRule rule) {
  std::vector<Column> columns = {Named("id"), Named("a"), Named("b", ColumnType::kText), Named("c"),
                                 Named("d")};
  columns[3].generated = true;
  columns[4].native_type = "bigint(20) auto_increment";
  absl::StatusOr<TableSchema> schema =
      TableSchema::Create({"", "t"}, std::move(columns), {0}, {{0}}, std::move(rule));
  REQUIRE(schema.ok());
  return *std::move(schema);
}

std::string Insert(Conflict conflict, const std::vector<uint16_t>& columns,
                   std::vector<std::string> update = {}) {
  WriteRule rule;
  rule.conflict = conflict;
  rule.update = std::move(update);
  return MakeMySqlInsert(Schema(rule), columns, false).Text(2);
}

TEST_CASE("Identifiers are quoted and checked") {
  CHECK(QuoteMySqlIdentifier("a`b") == "`a``b`");
  CHECK(QuoteMySqlTable({"d", "t"}) == "`d`.`t`");
  CHECK(CheckMySqlIdentifier(std::string(64, 'x')).ok());
  CHECK(CheckMySqlTable({"", "t"}).ok());
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a\0b", 3)}) {
    CHECK(CheckMySqlIdentifier(name).code() == absl::StatusCode::kFailedPrecondition);
  }
}

TEST_CASE("Sixty-four characters may be more bytes") {
  std::string name;
  for (int i = 0; i < 64; ++i) name += "\xc3\xbc";
  CHECK(CheckMySqlIdentifier(name).ok());
  CHECK_FALSE(CheckMySqlIdentifier(name + "x").ok());
}

TEST_CASE("Each conflict strategy has its INSERT") {
  const std::string head = "INSERT INTO `t` (`id`,`a`) VALUES (?,?),(?,?)";
  const std::string on_duplicate = " ON DUPLICATE KEY UPDATE ";
  CHECK(Insert(Conflict::kInsert, {0, 1}) == head);
  CHECK(Insert(Conflict::kIgnore, {0, 1}) == head + on_duplicate + "`id`=`id`");
  CHECK(Insert(Conflict::kUpdate, {0, 1}) == head + on_duplicate + "`a`=VALUES(`a`)");
  CHECK(Insert(Conflict::kUpdate, {0, 1}, {"b"}) == head + on_duplicate + "`id`=`id`");
  CHECK(Insert(Conflict::kReplace, {0, 1}) ==
        head + on_duplicate + "`a`=VALUES(`a`),`b`=VALUES(`b`)");
  CHECK(Insert(Conflict::kReplace, {0, 4}) ==
        "INSERT INTO `t` (`id`,`d`) VALUES (?,?),(?,?)" + on_duplicate +
            "`a`=VALUES(`a`),`b`=VALUES(`b`),`d`=VALUES(`d`)");
}

TEST_CASE("A row of defaults has no columns") {
  CHECK(Insert(Conflict::kInsert, {}) == "INSERT INTO `t` () VALUES (),()");
}

TEST_CASE("Text that is sent apart is declared UTF-8") {
  CHECK(MakeMySqlInsert(Schema({}), std::vector<uint16_t>{0, 2}, true).Text(1) ==
        "INSERT INTO `t` (`id`,`b`) VALUES (?,CONVERT(? USING utf8mb4))");
}

TEST_CASE("A created table needs a column and good names") {
  const std::vector<NewColumn> columns = {{"k", ColumnType::kText, true},
                                          {"v`", ColumnType::kJson}};
  const absl::StatusOr<std::string> sql = MakeMySqlCreateTable({"d", "t"}, columns);
  REQUIRE(sql.ok());
  CHECK(*sql ==
        "CREATE TABLE IF NOT EXISTS `d`.`t` (`k` VARCHAR(255) NOT NULL,`v``` JSON NULL,"
        "PRIMARY KEY (`k`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
  CHECK_FALSE(MakeMySqlCreateTable({"", "t"}, {}).ok());
  CHECK_FALSE(MakeMySqlCreateTable({"", std::string(65, 'x')}, columns).ok());
  CHECK_FALSE(MakeMySqlAddColumn({"", "t"}, {std::string("\0", 1), ColumnType::kText}).ok());
}

TEST_CASE("Each type has a column that holds it, in a key, too") {
  const auto sql = [](ColumnType type, bool in_key) {
    return std::string(*MakeMySqlAddColumn({"", "t"}, {"c", type, in_key}));
  };
  const std::string add = "ALTER TABLE `t` ADD COLUMN `c` ";
  CHECK(sql(ColumnType::kFloat32, false) == add + "DOUBLE NULL");
  CHECK(sql(ColumnType::kBytes, false) == add + "LONGBLOB NULL");
  CHECK(sql(ColumnType::kTimestamp, false) == add + "DATETIME(6) NULL");
  CHECK(sql(ColumnType::kUuid, false) ==
        add + "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL");
  const std::vector<NewColumn> key = {{"k", ColumnType::kBytes, true}};
  CHECK(MakeMySqlCreateTable({"", "t"}, key)->find("`k` VARBINARY(255) NOT NULL") !=
        std::string::npos);
}

TEST_CASE("Times have a sign and up to 838 hours") {
  char buffer[kMySqlCellChars];
  const auto text = [&](int64_t micros) {
    return std::string(MySqlTimeText(ColumnType::kTime, micros, absl::MakeSpan(buffer)));
  };
  CHECK(text(0) == "00:00:00.000000");
  CHECK(text(-1) == "-00:00:00.000001");
  CHECK(text(86'399'999'999) == "23:59:59.999999");
  CHECK(text((838 * 3600 + 59 * 60 + 59) * kMicrosPerSecond) == "838:59:59.000000");
  CHECK(text(-100 * 3600 * kMicrosPerSecond) == "-100:00:00.000000");
}

TEST_CASE("A UUID is written with hyphens") {
  char buffer[kMySqlCellChars];
  const std::string bytes = "\x01\x23\xe5\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x0f";
  CHECK(std::string(MySqlUuidText(bytes, absl::MakeSpan(buffer))) ==
        "0123e567-e89b-12d3-a456-42661417400f");
}

TEST_CASE("Statements take as many rows as fit, and always one") {
  const std::vector<uint64_t> ends = {10, 20, 30, 130};
  CHECK(FittingRows(ends, 0, 100, 30) == 3);
  CHECK(FittingRows(ends, 0, 100, 29) == 2);
  CHECK(FittingRows(ends, 1, 100, 20) == 2);
  CHECK(FittingRows(ends, 0, 2, 1000) == 2);
  CHECK(FittingRows(ends, 3, 100, 5) == 1);
  CHECK(FittingRows(ends, 0, 100, 1000) == 4);
}

TEST_CASE("Multi-row statements take a power of two of rows, within bytes") {
  std::vector<uint64_t> ends;
  for (uint64_t i = 1; i <= 100; ++i) ends.push_back(i * 10);
  CHECK(PowerOfTwoRows(ends, 0, 1024, 1'000'000) == 64);
  CHECK(PowerOfTwoRows(ends, 64, 1024, 1'000'000) == 32);
  CHECK(PowerOfTwoRows(ends, 99, 1024, 1'000'000) == 1);
  CHECK(PowerOfTwoRows(ends, 0, 20, 1'000'000) == 16);
  CHECK(PowerOfTwoRows(ends, 0, 1024, 100) == 8);
  CHECK(PowerOfTwoRows(ends, 50, 1024, 100) == 8);
  CHECK(PowerOfTwoRows(ends, 0, 1024, 5) == 1);
}

}  // namespace
}  // namespace batchsql
