#include "executors/postgresql/errors.h"

#include <string>

#include "executors/shared/sql_session.h"

namespace batchsql::postgresql {
namespace {

constexpr size_t kSqlStateLength = 5;

struct ClassifiedCode {
  std::string_view code;
  ErrorClass error_class;
};

constexpr ClassifiedCode kExact[] = {
    // Serialization, deadlock, locks, cancelled, memory, a transaction that failed before.
    {"40000", ErrorClass::kRetry},
    {"40001", ErrorClass::kRetry},
    {"40P01", ErrorClass::kRetry},
    {"55P03", ErrorClass::kRetry},
    {"55006", ErrorClass::kRetry},
    {"57014", ErrorClass::kRetry},
    {"53200", ErrorClass::kRetry},
    {"53400", ErrorClass::kRetry},
    {"25P02", ErrorClass::kRetry},
    // The connection, or the server behind it: shutting down, read-only, too many clients.
    {"08000", ErrorClass::kReconnect},
    {"08001", ErrorClass::kReconnect},
    {"08003", ErrorClass::kReconnect},
    {"08004", ErrorClass::kReconnect},
    {"08006", ErrorClass::kReconnect},
    {"08007", ErrorClass::kReconnect},
    {"40003", ErrorClass::kReconnect},
    {"57P01", ErrorClass::kReconnect},
    {"57P02", ErrorClass::kReconnect},
    {"57P03", ErrorClass::kReconnect},
    {"57P05", ErrorClass::kReconnect},
    {"25P03", ErrorClass::kReconnect},
    {"25006", ErrorClass::kReconnect},
    {"26000", ErrorClass::kReconnect},
    {"53300", ErrorClass::kReconnect},
    // A row's fault. 22xxx and 23xxx are below.
    {"44000", ErrorClass::kRow},
    {"54000", ErrorClass::kRow},
    {"P0001", ErrorClass::kRow},
    {"21000", ErrorClass::kRow},
    // Rights, names, disk: a person's work. 42xxx is below. 22P03 (bad binary form) means that the
    // encoder's picture of the table is old, not that a row is at fault.
    {"0A000", ErrorClass::kPause},
    {"28000", ErrorClass::kPause},
    {"28P01", ErrorClass::kPause},
    {"3D000", ErrorClass::kPause},
    {"3F000", ErrorClass::kPause},
    {"53100", ErrorClass::kPause},
    {"55000", ErrorClass::kPause},
    {"57P04", ErrorClass::kPause},
    {"58030", ErrorClass::kPause},
    {"F0000", ErrorClass::kPause},
    {"22P03", ErrorClass::kPause},
    // Corruption, a broken protocol.
    {"XX001", ErrorClass::kFatal},
    {"XX002", ErrorClass::kFatal},
    {"08P01", ErrorClass::kFatal},
};

constexpr ClassifiedCode kClasses[] = {
    {"22", ErrorClass::kRow},
    {"23", ErrorClass::kRow},
    {"42", ErrorClass::kPause},
};

bool MessageIsSafe(ErrorClass error_class, std::string_view code) {
  if (error_class == ErrorClass::kRow) return false;
  // A trigger may raise a code of its own with a text that quotes the row; the server's internal
  // errors do not.
  return error_class != ErrorClass::kUnknown || code.starts_with("XX");
}

// 08P01 is how pgbouncer tells of a crashed server, with a dead connection; on a live one our
// picture of the table is old. A person's work (57P04, 28P01) stays that whatever the connection.
ErrorClass ClassOnConnection(std::string_view code, bool alive) {
  const ErrorClass by_code = ClassifySqlState(code);
  if (by_code == ErrorClass::kPause) return by_code;
  if (!alive) return ErrorClass::kReconnect;
  return code == "08P01" ? ErrorClass::kPause : by_code;
}

}  // namespace

ErrorClass ClassifySqlState(std::string_view code) {
  for (const ClassifiedCode& entry : kExact) {
    if (entry.code == code) return entry.error_class;
  }
  for (const ClassifiedCode& entry : kClasses) {
    if (code.starts_with(entry.code)) return entry.error_class;
  }
  return ErrorClass::kUnknown;
}

RejectReason RejectReasonOfSqlState(std::string_view code) {
  if (code == "23505") return RejectReason::kDuplicateKey;
  if (code == "23503" || code == "23001") return RejectReason::kForeignKey;
  if (code == "23502") return RejectReason::kNull;
  if (code.starts_with("23") || code == "44000" || code == "P0001") {
    return RejectReason::kConstraint;
  }
  if (code == "22001") return RejectReason::kTooLong;
  if (code == "22003") return RejectReason::kOutOfRange;
  return RejectReason::kDatabase;
}

// Frames are words in the server's language. A statement of ours has none, but a COPY has its own,
// with the table's name and the row's number.
std::string_view MessageOutsideFunctions(std::string_view message, std::string_view context) {
  const bool is_copy = context.starts_with("COPY ") && context.find('\n') == context.npos;
  return context.empty() || is_copy ? message : std::string_view();
}

DatabaseError MakeServerError(std::string_view code, std::string_view message,
                              std::string_view column, bool connection_alive) {
  DatabaseError error;
  error.code = std::string(code);
  error.error_class = ClassOnConnection(code, connection_alive);
  if (MessageIsSafe(error.error_class, code)) error.message = std::string(message);
  if (error.error_class == ErrorClass::kRow) {
    error.reason = RejectReasonOfSqlState(code);
    error.column = std::string(column);
  }
  return error;
}

DatabaseError MakeConnectionError(std::string_view code, std::string_view message) {
  DatabaseError error;
  error.error_class = ErrorClass::kReconnect;
  error.code = std::string(code);
  error.message = std::string(message);
  return error;
}

// The server itself answers COMMIT with an error only from before the commit's record (deferred
// triggers, serialization, a full disk): from there on every error is a PANIC, and no connection
// stands behind it. What is left out is what a pooler or the like may say, on a connection of its
// own that stands, of a server that it has lost; and libpq's errors, which have no SQLSTATE.
bool CommitErrorIsFinal(std::string_view code, bool idle) {
  if (!idle || code.size() != kSqlStateLength) return false;
  return code != "40003" && code != "58000" && !code.starts_with("08") && !code.starts_with("57P");
}

absl::Status ToStatus(const DatabaseError& error, std::string_view doing) {
  return StatusOfError(error, doing);
}

}  // namespace batchsql::postgresql
