#include <catch2/catch.hpp>
#include <cstdlib>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/civil_time.h"
#include "executors/mysql/connection.h"
#include "executors/mysql/mysql_executor.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }
Value T(std::string_view value) { return Value::Text(value); }

class MySqlTest : public ContractTest {
 protected:
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
  static std::string Dsn() { return std::getenv("BATCHSQL_TEST_MYSQL_DSN"); }

  absl::StatusCode DescribeCode(const std::string& table, const WriteRule& rule = {}) {
    return executor().Describe({"", table}, rule).status().code();
  }

  // A table of an id and one column `v` with these texts, which must come back as they were.
  void CheckKept(const std::string& type, const Strings& texts) {
    INFO(type);
    const std::string table = NewTable(absl::StrCat("id INT PRIMARY KEY, v ", type));
    std::vector<Cells> rows;
    for (size_t i = 0; i < texts.size(); ++i) {
      rows.push_back({{"id", I(static_cast<int64_t>(i))}, {"v", T(texts[i])}});
    }
    MustWrite(Describe(table), rows);
    CHECK(Rows(table, "v") == texts);
  }

  void CheckRefused(const std::string& type, Value value, RejectReason reason) {
    INFO(type);
    const auto schema = Describe(NewTable(absl::StrCat("id INT PRIMARY KEY, v ", type)));
    const BuiltRows built = Build(*schema, {{{"id", I(1)}, {"v", value}}});
    REQUIRE(built.rejected.size() == 1);
    CHECK(RejectReasonName(built.rejected[0].reason) == RejectReasonName(reason));
  }

  // A second session, to stand in the executor's way.
  std::unique_ptr<MySqlConnection> OpenSession() {
    std::unique_ptr<MySqlConnection> session;
    const absl::StatusOr<MySqlAddress> address = ParseMySqlDsn(Dsn());
    REQUIRE(address.ok());
    REQUIRE(MySqlConnection::Open(*address, {}, &session).ok());
    return session;
  }

  // A table of `id` and `v` with rows 1 and 2, which the executor has written. Its session holds a
  // named lock from then on, until it updates row 1.
  std::string NewSignallingTable() {
    const std::string table = NewTable("id INT PRIMARY KEY, v INT");
    const auto on = [&](const std::string& event, const std::string& call) {
      db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_", event, " AFTER ", event, " ON ",
                                table, " FOR EACH ROW BEGIN IF NEW.id = 1 THEN DO ", call,
                                "; END IF; END"));
    };
    on("INSERT", absl::StrCat("GET_LOCK('", table, "', 0)"));
    on("UPDATE", absl::StrCat("RELEASE_LOCK('", table, "')"));
    MustWrite(Describe(table), {{{"id", I(1)}, {"v", I(0)}}, {{"id", I(2)}, {"v", I(0)}}});
    return table;
  }

  // Waits until the executor has updated row 1 of a signalling table.
  void AwaitUpdate(const std::string& table) {
    REQUIRE(db().Query(absl::StrCat("SELECT GET_LOCK('", table, "', 60)"))[0][0] == "1");
  }
};

TEST_CASE_METHOD(MySqlTest, "mysql: the edges of its own types come back", "[mysql]") {
  CheckKept("TINYINT", {"-128", "127"});
  CheckKept("TINYINT UNSIGNED", {"0", "255"});
  CheckKept("SMALLINT", {"-32768", "32767"});
  CheckKept("MEDIUMINT", {"-8388608", "8388607"});
  CheckKept("MEDIUMINT UNSIGNED", {"16777215"});
  CheckKept("INT UNSIGNED", {"4294967295"});
  CheckKept("YEAR", {"1901", "2155"});
  CheckKept("DATE", {"0001-01-01", "0999-12-31", "9999-12-31"});
  CheckKept("DATETIME", {"0001-01-01 00:00:00", "9999-12-31 23:59:59"});
  CheckKept("DATETIME(3)", {"0001-01-01 00:00:00.001"});
  CheckKept("TIMESTAMP NULL", {"1970-01-01 00:00:01", "2038-01-19 03:14:07"});
  CheckKept("DECIMAL(65,30)",
            {"12345678901234567890123456789012345.123456789012345678901234567891"});
  CheckKept("ENUM('a', 'it''s', 'b\\\\c', 'x,y', '2', '1')",
            {"a", "it's", "b\\c", "x,y", "1", "2"});
  CheckKept("VARCHAR(5)", {"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", "a  "});
  CheckKept("CHAR(5)", {"", "a", " a"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: what it would change is refused before", "[mysql]") {
  CheckRefused("TINYINT", I(128), RejectReason::kOutOfRange);
  CheckRefused("TIMESTAMP(6) NULL", Value::Timestamp(999'999), RejectReason::kOutOfRange);
  CheckRefused("TIMESTAMP NULL", Value::Timestamp(1'500'000), RejectReason::kInexact);
  CheckRefused("TIME", Value::Time((838 * 3600 + 3599 + 1) * kMicrosPerSecond),
               RejectReason::kOutOfRange);
  CheckRefused("DECIMAL(4,2)", T("1.234"), RejectReason::kInexact);
  CheckRefused("VARCHAR(2)", T("abc"), RejectReason::kTooLong);
  CheckRefused("TINYTEXT CHARACTER SET utf8mb4", T(std::string(256, 'x')), RejectReason::kTooLong);
  CheckRefused("VARBINARY(2)", Value::Bytes("abc"), RejectReason::kTooLong);
  CheckRefused("CHAR(5)", T("a "), RejectReason::kInexact);
  CheckRefused("BINARY(4)", Value::Bytes("abc"), RejectReason::kInexact);
}

TEST_CASE_METHOD(MySqlTest, "mysql: a TIME is a span, with a sign", "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY, v TIME(6)");
  const int64_t most = (838 * 3600 + 3599) * kMicrosPerSecond;
  MustWrite(Describe(table), {{{"id", I(1)}, {"v", Value::Time(most)}},
                              {{"id", I(2)}, {"v", Value::Time(-most)}},
                              {{"id", I(3)}, {"v", Value::Time(-1)}}});
  CHECK(Rows(table, "v") == Strings{"838:59:59.000000", "-838:59:59.000000", "-00:00:00.000001"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: BINARY takes exactly its length", "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY, v BINARY(2)");
  MustWrite(Describe(table), {{{"id", I(1)}, {"v", Value::Bytes(std::string_view("\xff\0", 2))}}});
  CHECK(Rows(table, "LOWER(HEX(v))") == Strings{"ff00"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: tables and types that cannot be kept faithful are refused",
                 "[mysql]") {
  const auto refused = absl::StatusCode::kFailedPrecondition;
  for (const char* type : {"BIT(4)", "SET('a', 'b')", "POINT", "DOUBLE(10,2)", "FLOAT(7,4)"}) {
    INFO(type);
    CHECK(DescribeCode(NewTable(absl::StrCat("id INT PRIMARY KEY, v ", type))) == refused);
  }
  const std::string myisam = UniqueName();
  db().Execute(absl::StrCat("CREATE TABLE ", myisam, " (id INT PRIMARY KEY) ENGINE=MyISAM"));
  CHECK(DescribeCode(myisam) == refused);

  const std::string prefix = NewTable("id INT PRIMARY KEY, t VARCHAR(100), UNIQUE (t(5))");
  CHECK(DescribeCode(prefix) == absl::StatusCode::kOk);
  WriteRule rule;
  rule.conflict = Conflict::kUpdate;
  CHECK(DescribeCode(prefix, rule) == refused);
  rule.any_unique_key = true;
  CHECK_FALSE(Describe(prefix, rule)->CanCoalesce());
}

TEST_CASE_METHOD(MySqlTest, "mysql: AUTO_INCREMENT numbers rows without id, and 0 is 0",
                 "[mysql]") {
  const std::string table = NewTable("id INT AUTO_INCREMENT PRIMARY KEY, v INT");
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(10)}, {"v", I(1)}}});
  MustWrite(schema, {{{"v", I(2)}}, {{"id", I(0)}, {"v", I(3)}}});
  CHECK(Rows(table, "id, v") == Strings{"0|3", "10|1", "11|2"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: replace sets every kind of default, but no new identity",
                 "[mysql]") {
  const std::string table = NewTable(
      "k INT NOT NULL UNIQUE, id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(9) DEFAULT 'x', "
      "b INT DEFAULT (3 + 4), made DATETIME DEFAULT CURRENT_TIMESTAMP, "
      "seen TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP");
  const auto schema = Describe(table, ReplaceBy("k"));
  MustWrite(schema, {{{"k", I(1)},
                      {"a", T("a")},
                      {"b", I(1)},
                      {"made", T("2001-01-01")},
                      {"seen", T("2001-01-01")}}});
  const Strings before = Rows(table, "id");
  MustWrite(schema, {{{"k", I(1)}}});
  CHECK(Rows(table, "a, b, made > '2020-01-01', seen") == Strings{"x|7|1|NULL"});
  CHECK(Rows(table, "id") == before);
}

TEST_CASE_METHOD(MySqlTest, "mysql: replace leaves a primary key that is not sent as it is",
                 "[mysql]") {
  const std::string table = NewTable(
      "k INT NOT NULL UNIQUE, id VARCHAR(36) DEFAULT (UUID()) PRIMARY KEY, v INT DEFAULT 5");
  const auto schema = Describe(table, ReplaceBy("k"));
  MustWrite(schema, {{{"k", I(1)}, {"v", I(1)}}});
  const Strings before = Rows(table, "id");
  REQUIRE(before.at(0).size() == 36);
  MustWrite(schema, {{{"k", I(1)}}});
  CHECK(Rows(table, "id") == before);
  CHECK(Rows(table, "v") == Strings{"5"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: ignore leaves an ON UPDATE column alone", "[mysql]") {
  const std::string table = NewTable(
      "id INT PRIMARY KEY, v INT, seen TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP");
  const auto schema = Describe(table, Conflict::kIgnore);
  MustWrite(schema, {{{"id", I(1)}, {"v", I(1)}}});
  MustWrite(schema, {{{"id", I(1)}, {"v", I(2)}}});
  CHECK(Rows(table, "v, seen") == Strings{"1|NULL"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: long text keeps its characters in any character set",
                 "[mysql]") {
  std::string text;
  while (text.size() < 600'000)
    text +=
        "gr\xc3\xbc\xc3\x9f"
        "e ";
  const std::string json = absl::StrCat("[\"", text, "\"]");
  const std::string table = NewTable(
      "id INT PRIMARY KEY, l LONGTEXT CHARACTER SET latin1, "
      "u LONGTEXT CHARACTER SET utf8mb4, j JSON, y LONGBLOB");
  MustWrite(
      Describe(table),
      {{{"id", I(1)}, {"l", T(text)}, {"u", T(text)}, {"j", T(json)}, {"y", Value::Bytes(text)}},
       {{"id", I(2)}, {"l", T("\xc3\xbc")}, {"u", T("\xc3\xbc")}}});
  CHECK((Rows(table, "l") == Strings{text, "\xc3\xbc"}));
  CHECK((Rows(table, "u") == Strings{text, "\xc3\xbc"}));
  CHECK((Rows(table, "y")[0] == text));
  CHECK(Rows(table, "LENGTH(j) >= 600000")[0] == "1");
}

TEST_CASE_METHOD(MySqlTest, "mysql: a character that the column's set lacks is the row's fault",
                 "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET latin1");
  const WriteOutcome outcome = Write(Describe(table), {{{"id", I(1)}, {"v", T("\xe5\x88\x97")}},
                                                       {{"id", I(2)}, {"v", T("\xc3\xbc")}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 0});
  CHECK(outcome.failures[0].error.column == "v");
  CHECK(Rows(table, "v") == Strings{"\xc3\xbc"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: a row larger than the server's packet is left out alone",
                 "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY, v LONGTEXT");
  const std::string packet = *db().Query("SELECT @@max_allowed_packet")[0][0];
  const std::string text(std::stoull(packet) + 1, 'x');
  const WriteOutcome outcome = Write(Describe(table), {{{"id", I(1)}, {"v", T("a")}},
                                                       {{"id", I(2)}, {"v", T(text)}},
                                                       {{"id", I(3)}, {"v", T("c")}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 1});
  CHECK(outcome.failures[0].error.code == "1153");
  CHECK(Rows(table, "id") == Strings{"1", "3"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: more shapes of rows than are kept prepared", "[mysql]") {
  std::string definition = "id INT PRIMARY KEY";
  for (int i = 0; i < 6; ++i) absl::StrAppend(&definition, ", c", i, " INT");
  const std::string table = NewTable(definition);
  const auto schema = Describe(table);
  for (int round = 0; round < 2; ++round) {
    std::vector<Cells> rows;
    for (int mask = 0; mask < 64; ++mask) {
      rows.push_back({{"id", I(round * 64 + mask)}});
      for (int i = 0; i < 6; ++i) {
        if ((mask >> i) % 2 == 1) rows.back().emplace_back(absl::StrCat("c", i), I(mask));
      }
    }
    MustWrite(schema, rows);
  }
  CHECK(Count(table, "c0 IS NULL") == 64);
  CHECK(Count(table, "c5 = id % 64 AND c5 >= 32") == 64);
}

TEST_CASE_METHOD(MySqlTest, "mysql: a server that takes arrays of parameters gets them",
                 "[mysql]") {
  const auto schema = Describe(NewTable("id INT PRIMARY KEY"));
  std::vector<Cells> rows;
  for (int i = 0; i < 100; ++i) rows.push_back({{"id", I(i)}});
  const auto executions = [&] {
    return std::stoi(*db().Query("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")[0][1]);
  };
  MustWrite(schema, {{{"id", I(1'000)}}});  // a connection's first flush describes the table
  const int before = executions();
  MustWrite(schema, rows);
  const bool takes_arrays = OpenSession()->server().is_mariadb;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the tests sets an environment variable.
  const bool is_portable = std::getenv("BATCHSQL_TEST_MYSQL_PORTABLE") != nullptr;
  // Without arrays: 64, 32 and 4 rows.
  CHECK(executions() - before == (takes_arrays && !is_portable ? 1 : 3));
}

TEST_CASE_METHOD(MySqlTest,
                 "mysql: a number that a generated column cannot hold is the row's fault",
                 "[mysql]") {
  const std::string table = NewTable(
      "id INT PRIMARY KEY, a BIGINT UNSIGNED, b BIGINT UNSIGNED, "
      "c BIGINT UNSIGNED GENERATED ALWAYS AS (a * b) STORED");
  const Value most = Value::Uint(18446744073709551615ULL);
  const WriteOutcome outcome = Write(Describe(table), {{{"id", I(1)}, {"a", I(3)}, {"b", I(2)}},
                                                       {{"id", I(2)}, {"a", most}, {"b", I(2)}},
                                                       {{"id", I(3)}, {"a", I(5)}, {"b", I(1)}}});
  INFO(outcome.error.code << " " << outcome.error.message);
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].row == RowRef{0, 1});
  CHECK(outcome.failures[0].error.code == "1690");
  CHECK(outcome.failures[0].error.reason == RejectReason::kOutOfRange);
  CHECK(outcome.failures[0].error.column.empty());
  CHECK(Rows(table, "c") == Strings{"6", "5"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: values that an altered column would change are not written",
                 "[mysql]") {
  struct Alter {
    const char* before;
    const char* after;
    Value value;
  };
  const std::vector<Alter> alters = {
      {"DATETIME(6)", "DATETIME", Value::Timestamp(1'000'001)},
      {"DECIMAL(10,4)", "DECIMAL(10,2)", T("1.2345")},
      {"BIGINT", "DOUBLE", I(9'007'199'254'740'993)},
      {"VARCHAR(9)", "CHAR(9)", T("a ")},
      {"VARCHAR(9) COLLATE utf8mb4_nopad_bin", "VARCHAR(9) COLLATE utf8mb4_general_ci", T("a")},
      {"ENUM('a', 'b') COLLATE utf8mb4_general_ci", "ENUM('A', 'B') COLLATE utf8mb4_general_ci",
       T("a")}};
  for (const Alter& alter : alters) {
    INFO(alter.before << " to " << alter.after);
    const std::string table = NewTable(absl::StrCat("id INT PRIMARY KEY, v ", alter.before));
    const auto before = Describe(table);
    MustWrite(before, {{{"id", I(1)}, {"v", alter.value}}});
    db().Execute(absl::StrCat("ALTER TABLE ", table, " MODIFY v ", alter.after));
    const WriteOutcome outcome = Write(before, {{{"id", I(2)}, {"v", alter.value}}});
    CHECK(outcome.kind == Kind::kNotCommitted);
    CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
    CHECK(outcome.error.code == "schema_changed");
    CHECK(Count(table) == 1);
    MustWrite(before, {{{"id", I(3)}}});
    CHECK(executor().connected());
  }
}

TEST_CASE_METHOD(MySqlTest, "mysql: a table that was looked at cannot be altered before COMMIT",
                 "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY, v DATETIME(6), CHECK (id < 100)");
  const auto schema = Describe(table);
  const auto other = OpenSession();
  REQUIRE(other->Execute("SET SESSION lock_wait_timeout=0").ok());
  DatabaseError altered;
  on_keep = [&] {  // behind the look, before COMMIT
    altered = other->Execute(absl::StrCat("ALTER TABLE ", table, " MODIFY v DATETIME"));
    return absl::OkStatus();
  };
  const WriteOutcome outcome = Write(schema, {{{"id", I(1)}, {"v", Value::Timestamp(1)}},
                                              {{"id", I(500)}, {"v", Value::Timestamp(1)}}});
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(altered.code == "1205");
  CHECK(Rows(table, "v") == Strings{"1970-01-01 00:00:00.000001"});
}

TEST_CASE_METHOD(MySqlTest, "mysql: numbers that the table gives do not make it another",
                 "[mysql]") {
  const std::string table = NewTable("id INT AUTO_INCREMENT PRIMARY KEY, v INT");
  const auto schema = Describe(table);
  MustWrite(schema, {{{"v", I(1)}}});
  const auto described = [&] {
    return std::stoi(*db().Query("SHOW GLOBAL STATUS LIKE 'Com_select'")[0][1]);
  };
  const int before = described();
  for (int i = 0; i < 3; ++i) MustWrite(schema, {{{"v", I(i)}}, {{"v", I(i)}}});
  CHECK(described() == before);
}

TEST_CASE_METHOD(MySqlTest, "mysql: a trigger's SIGNAL is a constraint", "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY, v INT");
  db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_t BEFORE INSERT ON ", table,
                            " FOR EACH ROW BEGIN IF NEW.v < 0 THEN SIGNAL SQLSTATE '45000'"
                            " SET MESSAGE_TEXT = 'no'; END IF; END"));
  const WriteOutcome outcome =
      Write(Describe(table), {{{"id", I(1)}, {"v", I(1)}}, {{"id", I(2)}, {"v", I(-1)}}});
  REQUIRE(outcome.kind == Kind::kCommitted);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].error.reason == RejectReason::kConstraint);
}

TEST_CASE_METHOD(MySqlTest, "mysql: a deadlock takes the whole batch back, and nothing follows it",
                 "[mysql]") {
  const std::string table = NewSignallingTable();
  const auto schema = Describe(table, Conflict::kUpdate);
  // The other session has changed more, so that the server chooses the executor as the victim.
  const auto other = OpenSession();
  REQUIRE(other->Execute("START TRANSACTION").ok());
  for (int id = 100; id < 200; ++id) {
    REQUIRE(other->Execute(absl::StrCat("INSERT INTO ", table, " VALUES (", id, ", 0)")).ok());
  }
  REQUIRE(other->Execute(absl::StrCat("UPDATE ", table, " SET v = 7 WHERE id = 2")).ok());

  std::future<WriteOutcome> written = std::async(std::launch::async, [&] {
    return Write(
        schema,
        {{{"id", I(1)}, {"v", I(1)}}, {{"id", I(2)}, {"v", I(1)}}, {{"id", I(3)}, {"v", I(1)}}});
  });
  AwaitUpdate(table);
  REQUIRE(other->Execute(absl::StrCat("UPDATE ", table, " SET v = 8 WHERE id = 1")).ok());
  const WriteOutcome outcome = written.get();
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.code == "1213");
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kRetry));
  REQUIRE(other->Execute("COMMIT").ok());
  CHECK(Rows(table, "id, v").size() == 102);
  CHECK(Count(table, "v = 1") == 0);
  CHECK(executor().connected());
  MustWrite(schema, {{{"id", I(3)}, {"v", I(1)}}});
}

TEST_CASE_METHOD(MySqlTest, "mysql: a session killed in the middle of a batch leaves nothing",
                 "[mysql]") {
  const std::string table = NewSignallingTable();
  const auto schema = Describe(table, Conflict::kUpdate);
  db().Execute("START TRANSACTION");
  db().Execute(absl::StrCat("UPDATE ", table, " SET v = 7 WHERE id = 2"));
  std::future<WriteOutcome> written = std::async(std::launch::async, [&] {
    return Write(schema, {{{"id", I(1)}, {"v", I(1)}}, {{"id", I(2)}, {"v", I(1)}}});
  });
  AwaitUpdate(table);
  REQUIRE(db().KillConnections());
  const WriteOutcome outcome = written.get();
  db().Execute("ROLLBACK");
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kReconnect));
  CHECK(Count(table, "v = 0") == 2);
  MustWrite(schema, {{{"id", I(1)}, {"v", I(1)}}});
}

TEST_CASE_METHOD(MySqlTest, "mysql: tables of our own that could lose rows are refused",
                 "[mysql]") {
  db().Execute("ALTER TABLE batchsql_watermark ENGINE=MyISAM");
  const absl::StatusCode read = executor().ReadSlots(pipeline()).status().code();
  const absl::StatusCode claimed = executor().Claim(NextClaim()).code();
  db().Execute("ALTER TABLE batchsql_watermark ENGINE=InnoDB");
  CHECK(read == absl::StatusCode::kFailedPrecondition);
  CHECK(claimed == absl::StatusCode::kFailedPrecondition);
  CHECK(executor().Claim(NextClaim()).ok());
}

TEST_CASE_METHOD(MySqlTest, "mysql: a table in a named database", "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY");
  const TableName name = {*db().Query("SELECT DATABASE()")[0][0], table};
  const auto described = executor().Describe(name, WriteRule());
  REQUIRE(described.ok());
  MustWrite(std::make_shared<const TableSchema>(*described), {{{"id", I(1)}}});
  CHECK(Count(table) == 1);
  CHECK(executor().Describe({"no_such_database", table}, WriteRule()).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE_METHOD(MySqlTest, "mysql: threads take turns with one executor", "[mysql]") {
  const std::string table = NewTable("id INT PRIMARY KEY");
  const auto schema = Describe(table);
  for (int id = 0; id < 4; ++id) {
    std::thread([&] { CHECK(Write(schema, {{{"id", I(id)}}}).kind == Kind::kCommitted); }).join();
  }
  CHECK(Count(table) == 4);
}

TEST_CASE_METHOD(MySqlTest, "mysql: what keeps it from logging in is told without the password",
                 "[mysql]") {
  const absl::StatusOr<MySqlAddress> address = ParseMySqlDsn(Dsn());
  REQUIRE(address.ok());
  const std::string place = absl::StrCat("@", address->host, ":", address->port, "/");
  const auto code = [](const std::string& dsn) {
    const absl::Status status =
        MakeMySqlExecutor({.dsn = dsn})->Describe({"", "t"}, WriteRule()).status();
    CHECK(status.ToString().find("hunter2") == std::string::npos);
    return status.code();
  };
  CHECK(code(absl::StrCat("mysql://no_such_user:hunter2", place, address->database)) ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(code("mysql://u:hunter2@127.0.0.1:1/d") == absl::StatusCode::kUnavailable);
  CHECK(code("mysql://u:hunter2@h:port/d") == absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace batchsql::contract
