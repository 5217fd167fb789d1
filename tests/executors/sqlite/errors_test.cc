#include "executors/sqlite/errors.h"

#include <sqlite3.h>

#include <catch2/catch.hpp>

namespace batchsql::sqlite {
namespace {

struct Expectation {
  int code;
  const char* name;
  ErrorClass error_class;
  RejectReason reason = RejectReason::kNone;
};

TEST_CASE("Extended result codes have the classes of docs/errors.md") {
  const Expectation expected = GENERATE(values<Expectation>({
      {SQLITE_BUSY, "SQLITE_BUSY", ErrorClass::kRetry},
      {SQLITE_BUSY_SNAPSHOT, "SQLITE_BUSY_SNAPSHOT", ErrorClass::kRetry},
      {SQLITE_LOCKED_SHAREDCACHE, "SQLITE_LOCKED_SHAREDCACHE", ErrorClass::kRetry},
      {SQLITE_INTERRUPT, "SQLITE_INTERRUPT", ErrorClass::kRetry},
      {SQLITE_SCHEMA, "SQLITE_SCHEMA", ErrorClass::kRetry},
      {SQLITE_PROTOCOL, "SQLITE_PROTOCOL", ErrorClass::kRetry},
      {SQLITE_NOMEM, "SQLITE_NOMEM", ErrorClass::kRetry},
      {SQLITE_READONLY_DBMOVED, "SQLITE_READONLY_DBMOVED", ErrorClass::kReconnect},
      {SQLITE_IOERR_SHMMAP, "SQLITE_IOERR_SHMMAP", ErrorClass::kReconnect},
      {SQLITE_IOERR_SHMLOCK, "SQLITE_IOERR_SHMLOCK", ErrorClass::kReconnect},
      {SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE", ErrorClass::kRow,
       RejectReason::kDuplicateKey},
      {SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY", ErrorClass::kRow,
       RejectReason::kDuplicateKey},
      {SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID", ErrorClass::kRow,
       RejectReason::kDuplicateKey},
      {SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY", ErrorClass::kRow,
       RejectReason::kForeignKey},
      {SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL", ErrorClass::kRow,
       RejectReason::kNull},
      {SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK", ErrorClass::kRow,
       RejectReason::kConstraint},
      {SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER", ErrorClass::kRow,
       RejectReason::kConstraint},
      {SQLITE_CONSTRAINT_DATATYPE, "SQLITE_CONSTRAINT_DATATYPE", ErrorClass::kRow,
       RejectReason::kWrongType},
      {SQLITE_MISMATCH, "SQLITE_MISMATCH", ErrorClass::kRow, RejectReason::kWrongType},
      {SQLITE_TOOBIG, "SQLITE_TOOBIG", ErrorClass::kRow, RejectReason::kTooLong},
      {SQLITE_READONLY, "SQLITE_READONLY", ErrorClass::kPause},
      {SQLITE_READONLY_DIRECTORY, "SQLITE_READONLY_DIRECTORY", ErrorClass::kPause},
      {SQLITE_CANTOPEN, "SQLITE_CANTOPEN", ErrorClass::kPause},
      {SQLITE_PERM, "SQLITE_PERM", ErrorClass::kPause},
      {SQLITE_AUTH, "SQLITE_AUTH", ErrorClass::kPause},
      {SQLITE_FULL, "SQLITE_FULL", ErrorClass::kPause},
      {SQLITE_ERROR, "SQLITE_ERROR", ErrorClass::kPause},
      {SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC", ErrorClass::kPause},
      {SQLITE_CORRUPT, "SQLITE_CORRUPT", ErrorClass::kFatal},
      {SQLITE_NOTADB, "SQLITE_NOTADB", ErrorClass::kFatal},
      {SQLITE_MISUSE, "SQLITE_MISUSE", ErrorClass::kFatal},
      {SQLITE_RANGE, "SQLITE_RANGE", ErrorClass::kFatal},
  }));
  INFO(expected.name);
  const DatabaseError error = MakeError(expected.code, "text");
  CHECK(error.error_class == expected.error_class);
  CHECK(error.code == expected.name);
  CHECK(error.reason == expected.reason);
}

TEST_CASE("A code without an entry has the class of its primary code") {
  CHECK(MakeError(SQLITE_CONSTRAINT_COMMITHOOK, "").error_class == ErrorClass::kRow);
  CHECK(MakeError(SQLITE_CONSTRAINT_COMMITHOOK, "").reason == RejectReason::kConstraint);
  CHECK(MakeError(SQLITE_IOERR_VNODE, "").error_class == ErrorClass::kPause);
  CHECK(MakeError(SQLITE_CORRUPT_SEQUENCE, "").error_class == ErrorClass::kFatal);
  CHECK(MakeError(SQLITE_CORRUPT_SEQUENCE, "").code == "SQLITE_CORRUPT (523)");
}

TEST_CASE("A code that nobody knows is unknown, never a row's fault") {
  CHECK(MakeError(SQLITE_INTERNAL, "").error_class == ErrorClass::kUnknown);
  CHECK(MakeError(255, "").error_class == ErrorClass::kUnknown);
  CHECK(MakeError(255, "").code == "255");
}

TEST_CASE("What the database says about a row is not repeated") {
  CHECK(MakeError(SQLITE_CONSTRAINT_TRIGGER, "secret").message.empty());
  CHECK(MakeError(SQLITE_FULL, "disk is full").message == "disk is full");
  CHECK(MakeError(SQLITE_OK, "not an error").ok());
}

TEST_CASE("Statuses say whether trying again may help") {
  CHECK(ToStatus(MakeError(SQLITE_BUSY, "")).code() == absl::StatusCode::kUnavailable);
  CHECK(ToStatus(MakeError(SQLITE_READONLY_DBMOVED, "")).code() == absl::StatusCode::kUnavailable);
  CHECK(ToStatus(MakeError(SQLITE_CANTOPEN, "")).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ToStatus(MakeError(SQLITE_NOTADB, "")).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ToStatus(DatabaseError()).ok());
}

}  // namespace
}  // namespace batchsql::sqlite
