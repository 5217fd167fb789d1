#include "executors/sqlite/errors.h"

#include <sqlite3.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "executors/shared/sql_session.h"

namespace batchsql::sqlite {
namespace {

struct Code {
  int code;
  std::string_view name;
  ErrorClass error_class;
  RejectReason reason = RejectReason::kNone;
};

#define BATCHSQL_CODE(name, ...) \
  Code { name, #name, __VA_ARGS__ }

// Exact codes first; a code that is not here is looked up by its primary code, which is its low
// byte.
constexpr Code kCodes[] = {
    BATCHSQL_CODE(SQLITE_BUSY, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_BUSY_RECOVERY, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_BUSY_SNAPSHOT, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_BUSY_TIMEOUT, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_LOCKED, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_LOCKED_SHAREDCACHE, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_LOCKED_VTAB, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_INTERRUPT, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_SCHEMA, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_PROTOCOL, ErrorClass::kRetry),
    BATCHSQL_CODE(SQLITE_NOMEM, ErrorClass::kRetry),

    BATCHSQL_CODE(SQLITE_READONLY_DBMOVED, ErrorClass::kReconnect),
    BATCHSQL_CODE(SQLITE_IOERR_SHMOPEN, ErrorClass::kReconnect),
    BATCHSQL_CODE(SQLITE_IOERR_SHMSIZE, ErrorClass::kReconnect),
    BATCHSQL_CODE(SQLITE_IOERR_SHMLOCK, ErrorClass::kReconnect),
    BATCHSQL_CODE(SQLITE_IOERR_SHMMAP, ErrorClass::kReconnect),

    BATCHSQL_CODE(SQLITE_CONSTRAINT, ErrorClass::kRow, RejectReason::kConstraint),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_UNIQUE, ErrorClass::kRow, RejectReason::kDuplicateKey),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_PRIMARYKEY, ErrorClass::kRow, RejectReason::kDuplicateKey),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_ROWID, ErrorClass::kRow, RejectReason::kDuplicateKey),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_FOREIGNKEY, ErrorClass::kRow, RejectReason::kForeignKey),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_NOTNULL, ErrorClass::kRow, RejectReason::kNull),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_CHECK, ErrorClass::kRow, RejectReason::kConstraint),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_TRIGGER, ErrorClass::kRow, RejectReason::kConstraint),
    BATCHSQL_CODE(SQLITE_CONSTRAINT_DATATYPE, ErrorClass::kRow, RejectReason::kWrongType),
    BATCHSQL_CODE(SQLITE_MISMATCH, ErrorClass::kRow, RejectReason::kWrongType),
    BATCHSQL_CODE(SQLITE_TOOBIG, ErrorClass::kRow, RejectReason::kTooLong),

    BATCHSQL_CODE(SQLITE_READONLY, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_READONLY_CANTINIT, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_READONLY_CANTLOCK, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_READONLY_DIRECTORY, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_READONLY_RECOVERY, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_READONLY_ROLLBACK, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_CANTOPEN, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_CANTOPEN_ISDIR, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_PERM, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_AUTH, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_FULL, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_ERROR, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_READ, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_SHORT_READ, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_WRITE, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_FSYNC, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_DIR_FSYNC, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_TRUNCATE, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_LOCK, ErrorClass::kPause),
    BATCHSQL_CODE(SQLITE_IOERR_NOMEM, ErrorClass::kPause),

    BATCHSQL_CODE(SQLITE_CORRUPT, ErrorClass::kFatal),
    BATCHSQL_CODE(SQLITE_CORRUPT_INDEX, ErrorClass::kFatal),
    BATCHSQL_CODE(SQLITE_NOTADB, ErrorClass::kFatal),
    BATCHSQL_CODE(SQLITE_MISUSE, ErrorClass::kFatal),
    BATCHSQL_CODE(SQLITE_RANGE, ErrorClass::kFatal),
};

#undef BATCHSQL_CODE

const Code* Find(int code) {
  for (const Code& known : kCodes) {
    if (known.code == code) return &known;
  }
  return nullptr;
}

std::string CodeName(int code, const Code* exact, const Code* primary) {
  if (exact != nullptr) return std::string(exact->name);
  if (primary == nullptr) return absl::StrCat(code);
  return absl::StrCat(absl::string_view(primary->name.data(), primary->name.size()), " (", code,
                      ")");
}

}  // namespace

DatabaseError MakeError(int extended_code, std::string_view message) {
  if (extended_code == SQLITE_OK) return {};
  const Code* exact = Find(extended_code);
  const Code* known = exact != nullptr ? exact : Find(extended_code & 0xff);
  DatabaseError error;
  error.code = CodeName(extended_code, exact, known);
  error.error_class = ErrorClass::kUnknown;
  if (known != nullptr) {
    error.error_class = known->error_class;
    error.reason = known->reason;
  }
  if (error.error_class != ErrorClass::kRow) error.message = message;
  return error;
}

absl::Status ToStatus(const DatabaseError& error) { return StatusOfError(error, "SQLite"); }

}  // namespace batchsql::sqlite
