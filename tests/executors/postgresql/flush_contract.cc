#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/errors.h"
#include "executors/postgresql/postgresql_executor.h"
#include "executors/shared/write_session.h"
#include "tests/executors/contract_suite.h"
#include "tests/executors/postgresql/test_dsn.h"

// How a flush on PostgreSQL ends when the table, the server or a trigger is not as expected.

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;

class PostgresFlushTest : public ContractTest {
 protected:
  // A trigger on `table` that runs `body` (PL/pgSQL).
  void AddTrigger(const std::string& table, const std::string& when, const std::string& body) {
    const std::string function = table + "_function";
    db().Execute(absl::StrCat("CREATE FUNCTION ", function,
                              "() RETURNS trigger LANGUAGE plpgsql AS $$ ", "BEGIN ", body,
                              " END $$"));
    db().Execute(absl::StrCat("CREATE ", when, " ON ", table, " ", DeferredClause(when),
                              "FOR EACH ROW EXECUTE FUNCTION ", function, "()"));
    functions_.push_back({function, table});
  }

  ~PostgresFlushTest() {
    for (const auto& [function, table] : functions_) {
      db().Execute(absl::StrCat("DROP FUNCTION ", function, " CASCADE"));
    }
  }

  static std::string DeferredClause(const std::string& when) {
    return when.starts_with("CONSTRAINT") ? "DEFERRABLE INITIALLY DEFERRED " : "";
  }

  static std::vector<Cells> OneRow() { return {{{"id", Value::Int(1)}, {"a", Value::Int(2)}}}; }

 private:
  std::vector<std::pair<std::string, std::string>> functions_;
};

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a column whose type changed pauses and writes nothing",
                 "[postgresql]") {
  for (const char* type :
       {"double precision", "integer", "timestamptz USING to_timestamp(a)", "numeric", "text",
        "aclitem USING NULL"}) {  // which COPY refuses by itself: it has no binary form
    for (const Conflict conflict : {Conflict::kInsert, Conflict::kUpdate}) {
      INFO(type);
      const std::string table = NewTableAB();
      const auto schema = Describe(table, conflict);
      MustWrite(schema, {{{"id", Value::Int(0)}}});
      db().Execute(absl::StrCat("ALTER TABLE ", table, " ALTER COLUMN a TYPE ", type));
      const WriteOutcome outcome = Write(schema, OneRow());
      CHECK(outcome.kind == Kind::kNotCommitted);
      CHECK(outcome.error.error_class == ErrorClass::kPause);
      CHECK(outcome.error.code == kSchemaChangedCode);
      CHECK(Count(table) == 1);
      CHECK(executor().connected());
      MustWrite(Describe(NewTableAB(), conflict), OneRow());
    }
  }
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a modifier that changed counts as another type",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGINT, a VARCHAR(10)");
  const auto schema = Describe(table);
  db().Execute(absl::StrCat("ALTER TABLE ", table, " ALTER COLUMN a TYPE varchar(5)"));
  const WriteOutcome outcome =
      Write(schema, std::vector<Cells>{{{"id", Value::Int(1)}, {"a", Value::Text("x")}}});
  CHECK(outcome.error.code == kSchemaChangedCode);
  MustWrite(Describe(table), {{{"id", Value::Int(1)}, {"a", Value::Text("x")}}});
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a column or table that is gone pauses",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  db().Execute(absl::StrCat("ALTER TABLE ", table, " DROP COLUMN a"));
  CHECK(Write(schema, OneRow()).error.code == "42703");
  db().Execute(absl::StrCat("DROP TABLE ", table));
  const WriteOutcome outcome = Write(schema, OneRow());
  CHECK(outcome.error.code == "42P01");
  CHECK(outcome.error.error_class == ErrorClass::kPause);
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a flush's first rows are asked for in its first round trip",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGINT PRIMARY KEY, a BIGINT, query TEXT");
  AddTrigger(table, "TRIGGER looks BEFORE INSERT",
             "NEW.query := current_query() LIKE 'BEGIN %UPDATE batchsql_watermark %COPY %'; "
             "RETURN NEW;");
  MustWrite(Describe(table),
            {{{"id", Value::Int(1)}}, {{"id", Value::Int(2)}, {"a", Value::Int(1)}}});
  CHECK(Rows(table, "query") == std::vector<std::string>{"true", "false"});
  // The second attempt, which isolates the duplicate, sets a savepoint first.
  CHECK(
      Write(Describe(table), {{{"id", Value::Int(2)}}, {{"id", Value::Int(3)}}}).failures.size() ==
      1);
  CHECK(Rows(table, "query") == std::vector<std::string>{"true", "false", "false"});
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: small batches with a conflict strategy are arrays, others are staged",
                 "[postgresql]") {
  const std::string table = NewTable(
      absl::StrCat("id BIGINT PRIMARY KEY, t TEXT, color ", Sql(ColumnType::kEnum), ", way TEXT"));
  AddTrigger(table, "TRIGGER looks BEFORE INSERT OR UPDATE",
             "NEW.way := substring(current_query() FROM 'unnest|COPY pg_temp'); RETURN NEW;");
  const auto way_of = [&](Conflict conflict, const std::vector<Cells>& rows) {
    PostgresOptions options;
    options.dsn = PostgresExecutorDsn();
    options.unnest_cells_max = 4;
    const auto schema = Describe(table, conflict);
    const RowBlock block = Block(*schema, rows);
    CHECK(WriteThrough(*MakePostgresExecutor(options), PlanWrite(schema, {&block})).kind ==
          Kind::kCommitted);
    return Rows(table, "way");
  };
  using Ways = std::vector<std::string>;
  const Cells one = {{"id", Value::Int(1)}, {"t", Value::Text("a")}};
  const Cells two = {{"id", Value::Int(2)}, {"t", Value::Null()}};
  const Cells three = {{"id", Value::Int(3)}, {"t", Value::Text("c")}};
  CHECK(way_of(Conflict::kIgnore, {one}) == Ways{"unnest"});
  CHECK(way_of(Conflict::kUpdate, {one, two, three}) == Ways(3, "COPY pg_temp"));
  CHECK(way_of(Conflict::kReplace, {one, two}) == Ways{"unnest", "unnest", "COPY pg_temp"});
  const Cells colored = {{"id", Value::Int(1)}, {"color", Value::Text("red")}};
  CHECK(way_of(Conflict::kUpdate, {colored}) == Ways{"COPY pg_temp", "unnest", "COPY pg_temp"});
  const std::string huge(2 << 20, 'x');
  const Cells large = {{"id", Value::Int(2)}, {"t", Value::Text(huge)}};
  CHECK(way_of(Conflict::kUpdate, {large}) == Ways(3, "COPY pg_temp"));
  CHECK(Count(table, "length(t) = 2097152") == 1);
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a flush that is fenced leaves its connection in no COPY",
                 "[postgresql]") {
  for (const Conflict conflict : {Conflict::kInsert, Conflict::kUpdate}) {
    const std::string table = NewTableAB();
    const auto schema = Describe(table, conflict);
    const RowBlock block = Block(*schema, OneRow());
    SlotMove move = NextMove();
    ++move.before.epoch;
    CHECK(WriteThrough(executor(), PlanWrite(schema, {&block}), {move, {}}).kind == Kind::kFenced);
    CHECK(executor().connected());
    CHECK(Count(table) == 0);
    MustWrite(schema, OneRow());
  }
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a right that is missing pauses, whichever statement needs it",
                 "[postgresql]") {
  for (const Conflict conflict : {Conflict::kInsert, Conflict::kUpdate}) {
    for (const char* right : {"SELECT", "INSERT"}) {
      INFO(right);
      const std::string table = NewTableAB();
      const auto schema = Describe(table, conflict);
      db().Execute(absl::StrCat("REVOKE ", right, " ON ", table, " FROM CURRENT_USER"));
      const WriteOutcome outcome = Write(schema, OneRow());
      CHECK(outcome.kind == Kind::kNotCommitted);
      CHECK(outcome.error.code == "42501");
      CHECK(outcome.error.error_class == ErrorClass::kPause);
      CHECK(executor().connected());
      db().Execute(absl::StrCat("GRANT ", right, " ON ", table, " TO CURRENT_USER"));
      MustWrite(schema, OneRow());
    }
  }
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: ALTER TYPE waits for a flush that has pinned the column",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  AddTrigger(table, "TRIGGER slow BEFORE INSERT",
             absl::StrCat("IF EXISTS (SELECT 1 FROM pg_locks WHERE relation = '", table,
                          "'::regclass AND mode = 'AccessShareLock' AND pid = pg_backend_pid()) ",
                          "THEN RETURN NEW; END IF; RAISE 'not pinned';"));
  MustWrite(Describe(table), OneRow());
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: rows that a trigger leaves out are not lost in silence",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  AddTrigger(table, "TRIGGER drops BEFORE INSERT", "RETURN NULL;");
  const WriteOutcome outcome = Write(Describe(table), OneRow());
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(outcome.error.code == kRowCountCode);
}

TEST_CASE_METHOD(
    PostgresFlushTest,
    "PostgreSQL: a row that a trigger refuses is the row's fault, its text is kept back",
    "[postgresql]") {
  const std::string table = NewTableAB();
  AddTrigger(table, "TRIGGER refuses BEFORE INSERT",
             "IF NEW.a = 2 THEN RAISE 'secret %', NEW.a; END IF; RETURN NEW;");
  const WriteOutcome outcome =
      Write(Describe(table), std::vector<Cells>{{{"id", Value::Int(1)}, {"a", Value::Int(1)}},
                                                {{"id", Value::Int(2)}, {"a", Value::Int(2)}}});
  CHECK(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row.row == 1);
  CHECK(outcome.failures[0].error.code == "P0001");
  CHECK(outcome.failures[0].error.reason == RejectReason::kConstraint);
  CHECK(outcome.failures[0].error.message.empty());
  CHECK(Count(table) == 1);
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: what a trigger says is kept back whatever its code, as its SQL is",
                 "[postgresql]") {
  const std::pair<const char*, const char*> cases[] = {
      {"55000", "RAISE 'secret %', NEW.a USING ERRCODE = '55000';"},
      {"40001", "RAISE 'secret %', NEW.a USING ERRCODE = '40001';"},
      {"42703", "EXECUTE 'SELECT secret_' || NEW.a;"}};
  for (const auto& [code, body] : cases) {
    for (const Conflict conflict : {Conflict::kInsert, Conflict::kUpdate}) {
      INFO(code);
      const std::string table = NewTableAB();
      AddTrigger(table, "TRIGGER fails BEFORE INSERT", absl::StrCat(body, " RETURN NEW;"));
      const WriteOutcome outcome = Write(Describe(table, conflict), OneRow());
      CHECK(outcome.kind == Kind::kNotCommitted);
      CHECK(outcome.error.code == code);
      CHECK(outcome.error.message.empty());
    }
  }
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a server that dies at COMMIT leaves it in doubt",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  AddTrigger(table, "CONSTRAINT TRIGGER dies AFTER INSERT",
             "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL;");
  const WriteOutcome outcome = Write(schema, OneRow());
  CHECK(outcome.kind == Kind::kInDoubt);
  CHECK(outcome.error.error_class == ErrorClass::kReconnect);
  CHECK(outcome.error.code == "57P01");
  CHECK_FALSE(executor().connected());
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a row that a deferred trigger refuses at COMMIT is left out alone",
                 "[postgresql]") {
  for (const char* code : {"P0001", "22000", "44000"}) {
    INFO(code);
    const std::string table = NewTableAB();
    AddTrigger(table, "CONSTRAINT TRIGGER refuses AFTER INSERT",
               absl::StrCat("IF NEW.a = 2 THEN RAISE 'x' USING ERRCODE = '", code,
                            "'; END IF; RETURN NULL;"));
    const WriteOutcome outcome =
        Write(Describe(table), std::vector<Cells>{{{"id", Value::Int(1)}, {"a", Value::Int(1)}},
                                                  {{"id", Value::Int(2)}, {"a", Value::Int(2)}},
                                                  {{"id", Value::Int(3)}, {"a", Value::Int(3)}}});
    CHECK(outcome.kind == Kind::kCommitted);
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].row.row == 1);
    CHECK(outcome.failures[0].error.code == code);
    CHECK(Count(table) == 2);
  }
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: an error at COMMIT that asks for a person pauses, nothing in doubt",
                 "[postgresql]") {
  for (const char* code : {"53100", "42501"}) {
    INFO(code);
    const std::string table = NewTableAB();
    AddTrigger(table, "CONSTRAINT TRIGGER fails AFTER INSERT",
               absl::StrCat("RAISE 'x' USING ERRCODE = '", code, "'; RETURN NULL;"));
    const WriteOutcome outcome = Write(Describe(table), OneRow());
    CHECK(outcome.kind == Kind::kNotCommitted);
    CHECK(outcome.error.error_class == ErrorClass::kPause);
    CHECK(outcome.error.code == code);
    CHECK(Count(table) == 0);
  }
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: an error at COMMIT that may be a pooler's own is in doubt",
                 "[postgresql]") {
  for (const char* code : {"40003", "08006", "57P01", "58000"}) {
    INFO(code);
    const std::string table = NewTableAB();
    AddTrigger(table, "CONSTRAINT TRIGGER fails AFTER INSERT",
               absl::StrCat("RAISE 'x' USING ERRCODE = '", code, "'; RETURN NULL;"));
    CHECK(Write(Describe(table), OneRow()).kind == Kind::kInDoubt);
    CHECK_FALSE(executor().connected());
  }
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a serialization failure at COMMIT is certain",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  AddTrigger(table, "CONSTRAINT TRIGGER fails AFTER INSERT",
             "RAISE 'again' USING ERRCODE = '40001'; RETURN NULL;");
  const WriteOutcome outcome = Write(schema, OneRow());
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kRetry);
  CHECK(Count(table) == 0);
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a transaction that a trigger ends is not committed", "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  AddTrigger(table, "TRIGGER dies BEFORE INSERT",
             "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW;");
  const WriteOutcome outcome = Write(schema, OneRow());
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kReconnect);
  CHECK_FALSE(executor().connected());
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a statement that takes too long is cancelled",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  AddTrigger(table, "TRIGGER slow BEFORE INSERT", "PERFORM pg_sleep(60); RETURN NEW;");
  PostgresOptions options;
  options.dsn = PostgresTestDsn();
  options.statement_timeout_ms = 100;
  const RowBlock block = Block(*schema, OneRow());
  const WriteOutcome outcome =
      WriteThrough(*MakePostgresExecutor(options), PlanWrite(schema, {&block}));
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.code == "57014");
  CHECK(outcome.error.error_class == ErrorClass::kRetry);
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a COMMIT that is not answered in time is in doubt",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  // statement_timeout does not reach into COMMIT: the client itself must give up.
  AddTrigger(table, "CONSTRAINT TRIGGER slow AFTER INSERT", "PERFORM pg_sleep(8); RETURN NULL;");
  PostgresOptions options;
  options.dsn = PostgresTestDsn();
  options.statement_timeout_ms = 100;
  const RowBlock block = Block(*schema, OneRow());
  const auto executor = MakePostgresExecutor(options);
  const WriteOutcome outcome = WriteThrough(*executor, PlanWrite(schema, {&block}));
  CHECK(outcome.kind == Kind::kInDoubt);
  CHECK(outcome.error.code == postgresql::kTimeoutCode);
  CHECK(outcome.error.error_class == ErrorClass::kReconnect);
  CHECK_FALSE(executor->connected());
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: commits are synchronous whatever the role's setting",
                 "[postgresql]") {
  const std::string table = NewTable("id BIGINT, a BIGINT, mode TEXT");
  AddTrigger(table, "TRIGGER looks BEFORE INSERT",
             "NEW.mode := current_setting('synchronous_commit'); RETURN NEW;");
  db().Execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off");
  const WriteOutcome outcome = Write(Describe(table), OneRow());
  db().Execute("ALTER ROLE CURRENT_USER RESET synchronous_commit");
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(Rows(table, "mode") == std::vector<std::string>{"on"});
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: tables of our own that could lose rows are refused", "[postgresql]") {
  db().Execute("ALTER TABLE batchsql_watermark SET UNLOGGED");
  const absl::StatusCode read = executor().ReadSlots(pipeline()).status().code();
  const absl::StatusCode claimed = executor().Claim(NextClaim()).code();
  db().Execute("ALTER TABLE batchsql_watermark SET LOGGED");
  CHECK(read == absl::StatusCode::kFailedPrecondition);
  CHECK(claimed == absl::StatusCode::kFailedPrecondition);
  CHECK(executor().Claim(NextClaim()).ok());
}

// Only where the DSN says sslmode=verify-full and the server's certificate is for 127.0.0.1 alone.
TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: TLS, whose certificate and name are checked",
                 "[.tls]") {
  const auto code_with = [](const std::string& dsn) {
    PostgresOptions options;
    options.dsn = dsn;
    return MakePostgresExecutor(options)->Describe({"", "none"}, {}).status().code();
  };
  const std::string dsn = PostgresTestDsn();
  const std::string address = "@127.0.0.1:";
  const size_t at = dsn.find(address);
  REQUIRE(at != std::string::npos);
  const std::string by_name = std::string(dsn).replace(at, address.size(), "@localhost:");
  REQUIRE(executor().ReadSlots(pipeline()).ok());
  CHECK(db().Query("SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                   "WHERE a.application_name LIKE 'contract\\_%' AND NOT s.ssl")
            .at(0)
            .at(0) == "0");
  CHECK(code_with(dsn) == absl::StatusCode::kNotFound);
  CHECK(code_with(by_name) == absl::StatusCode::kUnavailable);
  CHECK(code_with(by_name + "&sslmode=verify-ca") == absl::StatusCode::kNotFound);
  CHECK(code_with(dsn + "&sslrootcert=/dev/null") == absl::StatusCode::kUnavailable);
}

// As a standby does.
TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: a server that cannot be written resolves nothing",
                 "[postgresql]") {
  PostgresOptions options;
  options.dsn = PostgresTestDsn("options=-c%20default_transaction_read_only%3Don");
  CHECK(MakePostgresExecutor(options)->Resolve(NextMove()).status().code() ==
        absl::StatusCode::kUnavailable);
}

TEST_CASE_METHOD(PostgresFlushTest, "PostgreSQL: nothing of a flush is left in the session",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table, Conflict::kReplace);
  for (int64_t i = 0; i < 3; ++i)
    MustWrite(schema, {{{"id", Value::Int(i)}}, {{"id", Value::Int(9)}, {"a", Value::Int(i)}}});
  CHECK(db().Query("SELECT 1 FROM pg_class WHERE relname LIKE 'batchsql\\_stage%'").empty());
  CHECK(db().Query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'contract\\_%' "
                   "AND state <> 'idle'")
            .empty());
}

TEST_CASE_METHOD(PostgresFlushTest,
                 "PostgreSQL: a wrong password and a missing database ask for a person",
                 "[postgresql]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const RowBlock block = Block(*schema, OneRow());
  const auto error_of = [&](const std::string& wrong) {
    PostgresOptions options;
    options.dsn = wrong;
    const WriteOutcome outcome =
        WriteThrough(*MakePostgresExecutor(options), PlanWrite(schema, {&block}));
    CHECK(outcome.kind == Kind::kNotCommitted);
    return outcome.error;
  };
  const DatabaseError password = error_of(PostgresTestDsn("password=wrong"));
  CHECK(password.code == "28P01");
  CHECK(password.error_class == ErrorClass::kPause);
  const DatabaseError database = error_of(PostgresTestDsn("dbname=no_such_database"));
  CHECK(database.code == "3D000");
  CHECK(database.error_class == ErrorClass::kPause);
  const DatabaseError nobody = error_of("postgresql://u@127.0.0.1:1/d");
  CHECK(nobody.error_class == ErrorClass::kReconnect);
}

}  // namespace
}  // namespace batchsql::contract
