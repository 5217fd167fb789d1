#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "core/executor.h"

namespace batchsql::postgresql {

// Codes of our own, in DatabaseError.code.
inline constexpr std::string_view kTimeoutCode = "timeout";
inline constexpr std::string_view kConnectionLostCode = "connection_lost";
inline constexpr std::string_view kNoTransactionCode = "no_transaction";

// docs/errors.md: the exact code first, then its class.
ErrorClass ClassifySqlState(std::string_view code);
RejectReason RejectReasonOfSqlState(std::string_view code);

// The message, unless the error came up inside a function, a trigger's for example, in whatever
// language: its author, or SQL that it puts together, may have brought the row's values into it,
// under any code. `context` is the error's, one line for each frame.
std::string_view MessageOutsideFunctions(std::string_view message, std::string_view context);

// What the server said, and whether the connection still stands. `message` is dropped where it may
// quote a row's values.
DatabaseError MakeServerError(std::string_view code, std::string_view message,
                              std::string_view column, bool connection_alive);

// An error that stands for a lost connection.
DatabaseError MakeConnectionError(std::string_view code, std::string_view message);

// The server's answer to COMMIT was this error: true when it is certain that nothing was committed.
// `idle` says that the connection stands and is outside any transaction.
bool CommitErrorIsFinal(std::string_view code, bool idle);

// For Describe, CreateTable and AddColumns. The error must not be ok.
absl::Status ToStatus(const DatabaseError& error, std::string_view doing);

}  // namespace batchsql::postgresql
