#include "executors/postgresql/errors.h"

#include <catch2/catch.hpp>

namespace batchsql::postgresql {
namespace {

void CheckAll(ErrorClass expected, std::initializer_list<const char*> codes) {
  for (const char* code : codes) {
    INFO(code);
    CHECK(ErrorClassName(ClassifySqlState(code)) == ErrorClassName(expected));
  }
}

TEST_CASE("SQLSTATEs that ask for the transaction again") {
  CheckAll(ErrorClass::kRetry,
           {"40000", "40001", "40P01", "55P03", "55006", "57014", "53200", "53400", "25P02"});
}

TEST_CASE("SQLSTATEs that ask for a new connection") {
  CheckAll(ErrorClass::kReconnect,
           {"08000", "08001", "08003", "08004", "08006", "08007", "40003", "57P01", "57P02",
            "57P03", "57P05", "25P03", "25006", "26000", "53300"});
}

TEST_CASE("SQLSTATEs that a row is at fault for") {
  CheckAll(ErrorClass::kRow, {"22000", "22001", "22003", "22007", "22P02", "22P04", "22P05",
                              "23000", "23001", "23502", "23503", "23505", "23514", "23P01",
                              "23X99", "44000", "54000", "P0001", "21000"});
}

TEST_CASE("SQLSTATEs that ask for a person") {
  CheckAll(ErrorClass::kPause, {"0A000", "28000", "28P01", "3D000", "3F000", "428C9", "42501",
                                "42703", "42P01", "53100", "55000", "57P04", "58030", "F0000"});
}

TEST_CASE("A binary form that the server does not know is no row's fault: the schema is old") {
  CheckAll(ErrorClass::kPause, {"22P03"});
}

TEST_CASE("SQLSTATEs that stop the pipeline") {
  CheckAll(ErrorClass::kFatal, {"XX001", "XX002", "08P01"});
}

TEST_CASE("Codes that nobody listed are unknown, in whatever class") {
  CheckAll(ErrorClass::kUnknown, {"XX000", "24000", "P0002", "45000", "57000", "ABCDE", ""});
}

TEST_CASE("The reason of a refused row comes from its code") {
  CHECK(RejectReasonOfSqlState("23505") == RejectReason::kDuplicateKey);
  CHECK(RejectReasonOfSqlState("23503") == RejectReason::kForeignKey);
  CHECK(RejectReasonOfSqlState("23502") == RejectReason::kNull);
  for (const char* code : {"23000", "23514", "23P01", "44000", "P0001"}) {
    CHECK(RejectReasonOfSqlState(code) == RejectReason::kConstraint);
  }
  CHECK(RejectReasonOfSqlState("22001") == RejectReason::kTooLong);
  CHECK(RejectReasonOfSqlState("22003") == RejectReason::kOutOfRange);
  CHECK(RejectReasonOfSqlState("22P02") == RejectReason::kDatabase);
}

TEST_CASE("A broken protocol means an old schema on a live connection, a crash on a dead one") {
  CHECK(MakeServerError("08P01", "", "", true).error_class == ErrorClass::kPause);
  CHECK(MakeServerError("08P01", "", "", false).error_class == ErrorClass::kReconnect);
}

TEST_CASE("A dead connection asks for a new one whatever the code, unless that cannot help") {
  CHECK(MakeServerError("23505", "", "", false).error_class == ErrorClass::kReconnect);
  CHECK(MakeServerError("XX000", "", "", false).error_class == ErrorClass::kReconnect);
  CHECK(MakeServerError("57P01", "", "", false).error_class == ErrorClass::kReconnect);
  CHECK(MakeServerError("28P01", "", "", false).error_class == ErrorClass::kPause);
}

TEST_CASE("A message that may quote a row's values is not passed on") {
  CHECK(MakeServerError("22001", "secret", "", true).message.empty());
  CHECK(MakeServerError("P0001", "secret", "", true).message.empty());
  CHECK(MakeServerError("45000", "secret", "", true).message.empty());
  CHECK(MakeServerError("42P01", "no such table", "", true).message == "no such table");
  CHECK(MakeServerError("XX000", "cache lookup", "", true).message == "cache lookup");
}

TEST_CASE("A message from inside a function is not passed on, one from the statement itself is") {
  CHECK(MessageOutsideFunctions("deadlock detected", "") == "deadlock detected");
  CHECK(MessageOutsideFunctions("deadlock detected", "COPY t, line 7") == "deadlock detected");
  for (const char* frame :
       {"PL/pgSQL function f() line 1 at RAISE", "PL/Python function \"f\"", "SQL function \"f\"",
        "remote SQL command: INSERT", "PL/pgSQL function f() line 1 at RAISE\nCOPY t, line 7",
        "COPY u, line 1\nSQL statement \"COPY u\""}) {
    CHECK(MessageOutsideFunctions("secret", frame).empty());
  }
}

TEST_CASE("The column is told for a row's fault") {
  CHECK(MakeServerError("23502", "", "c", true).column == "c");
  CHECK(MakeServerError("42703", "", "c", true).column.empty());
}

TEST_CASE("An error at COMMIT is final, unless a pooler may say it of a server that it lost") {
  for (const char* code : {"23503", "23505", "23514", "40001", "40P01", "P0001", "22012", "44000",
                           "53100", "42501", "57014", "XX000", "ABCDE"}) {
    INFO(code);
    CHECK(CommitErrorIsFinal(code, true));
    CHECK_FALSE(CommitErrorIsFinal(code, false));
  }
  for (const char* code : {"40003", "08006", "08P01", "57P01", "57P03", "58000"}) {
    INFO(code);
    CHECK_FALSE(CommitErrorIsFinal(code, true));
  }
}

TEST_CASE("An error at COMMIT that no server gave is never final") {
  CHECK_FALSE(CommitErrorIsFinal("", true));
  CHECK_FALSE(CommitErrorIsFinal(kConnectionLostCode, true));
  CHECK_FALSE(CommitErrorIsFinal(kTimeoutCode, true));
}

TEST_CASE("What may pass by itself is UNAVAILABLE, the rest FAILED_PRECONDITION") {
  const auto code = [](const char* sqlstate) {
    return ToStatus(MakeServerError(sqlstate, "", "", true), "testing").code();
  };
  CHECK(code("40001") == absl::StatusCode::kUnavailable);
  CHECK(code("57P03") == absl::StatusCode::kUnavailable);
  CHECK(code("ABCDE") == absl::StatusCode::kUnavailable);
  CHECK(code("42501") == absl::StatusCode::kFailedPrecondition);
  CHECK(code("XX001") == absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace batchsql::postgresql
