#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "core/executor.h"

namespace batchsql {

// What an error number of MySQL, MariaDB or libmariadb asks for; docs/errors.md tables them. 1030
// (error of the storage engine) is kUnknown: fatal only when it stays.
ErrorClass MySqlErrorClass(int code);

// Why a row was refused, for codes of class kRow; kDatabase where the code does not say.
RejectReason MySqlRejectReason(int code);

// The error, classified. `message` is kept only where it cannot quote a row's values.
DatabaseError MySqlError(int code, std::string_view message);

// The column that a message ends with (… for column `db`.`table`.`name` at row 1), or nothing. A
// server that speaks another language tells none. Not checked against the table.
std::string_view MySqlColumnInMessage(std::string_view message);

// UNAVAILABLE for what passes by itself, else FAILED_PRECONDITION.
absl::Status MySqlStatus(const DatabaseError& error);

}  // namespace batchsql
