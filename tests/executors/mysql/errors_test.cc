#include "executors/mysql/errors.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace batchsql {
namespace {

TEST_CASE("Every code of the table has its class") {
  // As docs/errors.md tables them.
  const std::vector<std::pair<ErrorClass, std::vector<int>>> table = {
      {ErrorClass::kRetry,
       {1020, 1047, 1180, 1205, 1206, 1213, 1317, 1412, 1613, 1614, 1969, 3024, 3101, 3572}},
      {ErrorClass::kReconnect,
       {1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290,
        1792, 1836, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 3032, 4031, 5013, 5014}},
      {ErrorClass::kRow,
       {1048, 1062, 1153, 1169, 1216, 1217, 1264, 1265, 1292, 1300, 1364, 1365, 1366,
        1369, 1406, 1451, 1452, 1526, 1586, 1644, 1690, 1977, 3140, 3819, 4025}},
      {ErrorClass::kPause,
       {1021, 1037, 1041, 1044, 1045, 1046, 1049, 1054, 1064, 1114, 1129, 1130, 1136,
        1142, 1143, 1146, 1251, 1286, 1820, 1862, 1932, 2005, 2026, 2059, 2061, 4151}},
      {ErrorClass::kFatal, {1034, 1194, 2027}},
      {ErrorClass::kUnknown, {0, 1, 1030, 1105, 1305, 1615, 2000, 9999, -1}},
  };
  for (const auto& [expected, codes] : table) {
    for (const int code : codes) {
      INFO(code);
      CHECK(ErrorClassName(MySqlErrorClass(code)) == ErrorClassName(expected));
    }
  }
}

TEST_CASE("A row's fault has a reason and a column, but no message") {
  const DatabaseError error =
      MySqlError(1366, "Incorrect integer value: 'secret' for column `db`.`t`.`age` at row 3");
  CHECK(error.error_class == ErrorClass::kRow);
  CHECK(error.code == "1366");
  CHECK(error.reason == RejectReason::kWrongType);
  CHECK(error.column == "age");
  CHECK(error.message.empty());
}

TEST_CASE("Messages are kept where they cannot quote a row") {
  CHECK(MySqlError(1213, "Deadlock found").message == "Deadlock found");
  CHECK(MySqlError(1054, "Unknown column 'x'").message == "Unknown column 'x'");
  CHECK(MySqlError(9999, "something about 'secret'").message.empty());
}

TEST_CASE("Reasons follow the code") {
  CHECK(MySqlRejectReason(1062) == RejectReason::kDuplicateKey);
  CHECK(MySqlRejectReason(1452) == RejectReason::kForeignKey);
  CHECK(MySqlRejectReason(1451) == RejectReason::kForeignKey);
  CHECK(MySqlRejectReason(1048) == RejectReason::kNull);
  CHECK(MySqlRejectReason(1364) == RejectReason::kMissing);
  CHECK(MySqlRejectReason(1406) == RejectReason::kTooLong);
  CHECK(MySqlRejectReason(1153) == RejectReason::kTooLong);
  CHECK(MySqlRejectReason(1264) == RejectReason::kOutOfRange);
  CHECK(MySqlRejectReason(1690) == RejectReason::kOutOfRange);
  CHECK(MySqlRejectReason(1216) == RejectReason::kForeignKey);
  CHECK(MySqlRejectReason(1217) == RejectReason::kForeignKey);
  CHECK(MySqlRejectReason(4025) == RejectReason::kConstraint);
  CHECK(MySqlRejectReason(3819) == RejectReason::kConstraint);
  CHECK(MySqlRejectReason(1644) == RejectReason::kConstraint);
  CHECK(MySqlRejectReason(1526) == RejectReason::kDatabase);
}

TEST_CASE("The column is read from the end of the message") {
  CHECK(MySqlColumnInMessage("Data too long for column 'name' at row 1") == "name");
  CHECK(MySqlColumnInMessage("Column 'age' cannot be null") == "age");
  CHECK(MySqlColumnInMessage("Field 'k' doesn't have a default value") == "k");
  CHECK(MySqlColumnInMessage("Incorrect string value: 'for column 'x'' for column 'y' at row 1") ==
        "y");
  CHECK(MySqlColumnInMessage("Incorrect value: 'a' for column `d`.`t`.`odd name` at row 1") ==
        "odd name");
  CHECK(MySqlColumnInMessage("Duplicate entry '5' for key 'PRIMARY'").empty());
  CHECK(MySqlColumnInMessage("").empty());
}

TEST_CASE("A value that a message quotes is never taken for a column") {
  const std::string value = "x for column 'secret' at row 1";
  for (const int code : {1062, 1586, 1644, 1300, 1526, 1690, 1452, 4025}) {
    INFO(code);
    CHECK(MySqlError(code, "Duplicate entry '" + value + "' for key 'PRIMARY'").column.empty());
  }
  CHECK(MySqlError(1292, "Truncated incorrect DOUBLE value: '" + value + "'").column.empty());
  CHECK(MySqlError(1292, "Truncated incorrect DOUBLE value: 'column `d`.`t`.`secret`'")
            .column.empty());
}

TEST_CASE("The column is told where the server names one") {
  CHECK(MySqlError(1048, "Column 'age' cannot be null").column == "age");
  CHECK(MySqlError(1264, "Out of range value for column 'age' at row 12").column == "age");
  CHECK(MySqlError(1265, "Data truncated for column 'age' at row 1").column == "age");
  CHECK(MySqlError(1364, "Field 'age' doesn't have a default value").column == "age");
  CHECK(MySqlError(1406, "Data too long for column 'age' at row 1").column == "age");
  CHECK(MySqlError(1292, "Incorrect datetime value: 'x' for column `d`.`t`.`at` at row 1").column ==
        "at");
  CHECK(MySqlError(1292, "Incorrect date value: 'x' for column 'at' at row 1").column == "at");
}

TEST_CASE("What passes by itself is UNAVAILABLE") {
  CHECK(MySqlStatus({}).ok());
  CHECK(MySqlStatus(MySqlError(2002, "refused")).code() == absl::StatusCode::kUnavailable);
  CHECK(MySqlStatus(MySqlError(1205, "timeout")).code() == absl::StatusCode::kUnavailable);
  CHECK(MySqlStatus(MySqlError(1045, "denied")).code() == absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace batchsql
