#include "executors/mysql/errors.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "executors/shared/sql_session.h"

namespace batchsql {
namespace {

// Sorted, for binary search. Numbers and not names: MariaDB's headers lack MySQL's own codes, and
// give other names to some that both have.
constexpr int kRetryCodes[] = {1020, 1047, 1180, 1205, 1206, 1213, 1317,
                               1412, 1613, 1614, 1969, 3024, 3101, 3572};
constexpr int kReconnectCodes[] = {1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161,
                                   1184, 1203, 1226, 1290, 1792, 1836, 1927, 2002, 2003,
                                   2006, 2013, 2014, 2055, 3032, 4031, 5013, 5014};
constexpr int kRowCodes[] = {1048, 1062, 1153, 1169, 1216, 1217, 1264, 1265, 1292,
                             1300, 1364, 1365, 1366, 1369, 1406, 1451, 1452, 1526,
                             1586, 1644, 1690, 1977, 3140, 3819, 4025};
constexpr int kPauseCodes[] = {1021, 1037, 1041, 1044, 1045, 1046, 1049, 1054, 1064,
                               1114, 1129, 1130, 1136, 1142, 1143, 1146, 1251, 1286,
                               1820, 1862, 1932, 2005, 2026, 2059, 2061, 4151};
constexpr int kFatalCodes[] = {1034, 1194, 2027};

// Row codes whose message names a column; the others may quote the row's values only.
constexpr int kColumnCodes[] = {1048, 1264, 1265, 1292, 1364, 1366, 1406};
constexpr int kWrongValue = 1292;

bool Contains(absl::Span<const int> codes, int code) {
  return std::binary_search(codes.begin(), codes.end(), code);
}

// 1292 has two forms: "… value: 'value' for column `db`.`t`.`name` at row 1", and one that ends
// with the value.
bool EndsWithRowNumber(std::string_view message) {
  constexpr std::string_view kAtRow = " at row ";
  const size_t at = message.rfind(kAtRow);
  if (at == std::string_view::npos || at + kAtRow.size() == message.size()) return false;
  const std::string_view number = message.substr(at + kAtRow.size());
  return std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view ColumnOfError(int code, std::string_view message) {
  if (!Contains(kColumnCodes, code)) return {};
  if (code == kWrongValue && !EndsWithRowNumber(message)) return {};
  return MySqlColumnInMessage(message);
}

}  // namespace

ErrorClass MySqlErrorClass(int code) {
  if (Contains(kRetryCodes, code)) return ErrorClass::kRetry;
  if (Contains(kReconnectCodes, code)) return ErrorClass::kReconnect;
  if (Contains(kRowCodes, code)) return ErrorClass::kRow;
  if (Contains(kPauseCodes, code)) return ErrorClass::kPause;
  if (Contains(kFatalCodes, code)) return ErrorClass::kFatal;
  return ErrorClass::kUnknown;
}

RejectReason MySqlRejectReason(int code) {
  switch (code) {
    case 1048:
      return RejectReason::kNull;
    case 1062:
    case 1169:
    case 1586:
      return RejectReason::kDuplicateKey;
    case 1216:
    case 1217:
    case 1451:
    case 1452:
      return RejectReason::kForeignKey;
    case 1264:
    case 1690:
      return RejectReason::kOutOfRange;
    case 1153:
    case 1265:
    case 1406:
      return RejectReason::kTooLong;
    case 1292:
    case 1366:
      return RejectReason::kWrongType;
    case 1364:
      return RejectReason::kMissing;
    case 1369:
    case 1644:
    case 3819:
    case 4025:
      return RejectReason::kConstraint;
    default:
      return RejectReason::kDatabase;
  }
}

DatabaseError MySqlError(int code, std::string_view message) {
  DatabaseError error;
  error.error_class = MySqlErrorClass(code);
  error.code = absl::StrCat(code);
  if (error.error_class == ErrorClass::kRow) {
    error.reason = MySqlRejectReason(code);
    error.column = std::string(ColumnOfError(code, message));
  } else if (error.error_class != ErrorClass::kUnknown) {
    error.message = std::string(message);
  }
  return error;
}

std::string_view MySqlColumnInMessage(std::string_view message) {
  // Values stand before the column in every message that has both, so the last match is the
  // server's.
  size_t begin = std::string_view::npos;
  for (std::string_view mark : {"olumn '", "olumn `", "Field '"}) {
    if (const size_t at = message.rfind(mark); at != std::string_view::npos) {
      const size_t end = at + mark.size();
      if (begin == std::string_view::npos || end > begin) begin = end;
    }
  }
  if (begin == std::string_view::npos) return {};
  const char quote = message[begin - 1];
  std::string_view name = message.substr(begin);
  if (quote == '`') {  // `db`.`table`.`name`
    const std::string_view separator = "`.`";
    for (size_t at; (at = name.find(separator)) != std::string_view::npos;) {
      name.remove_prefix(at + separator.size());
    }
  }
  const size_t end = name.find(quote);
  return end == std::string_view::npos ? std::string_view() : name.substr(0, end);
}

absl::Status MySqlStatus(const DatabaseError& error) {
  return StatusOfError(error, "database error");
}

}  // namespace batchsql
