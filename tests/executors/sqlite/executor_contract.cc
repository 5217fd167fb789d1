#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "executors/sqlite/sqlite_executor.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Strings = std::vector<std::string>;

Value I(int64_t value) { return Value::Int(value); }
Value T(std::string_view value) { return Value::Text(value); }

class SqliteTest : public ContractTest {
 protected:
  std::string Path() { return db().Query("PRAGMA database_list").at(0).at(2).value(); }

  static mode_t Mode(const std::string& path) {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777U;
  }

  static absl::StatusCode OpenCode(const std::string& path) {
    const auto executor = MakeSqliteExecutor({.path = path});
    return executor->Describe({"", "t"}, WriteRule()).status().code();
  }

  absl::StatusCode DescribeCode(const std::string& table) {
    return executor().Describe({"", table}, WriteRule()).status().code();
  }

  static void CheckOneFailure(const WriteOutcome& outcome, uint32_t row, RejectReason reason,
                              const std::string& code) {
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(outcome.kind == Kind::kCommitted);
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].row == RowRef{0, row});
    CHECK(RejectReasonName(outcome.failures[0].error.reason) == RejectReasonName(reason));
    CHECK(outcome.failures[0].error.code == code);
  }
};

TEST_CASE_METHOD(SqliteTest, "The file and its log are private and in WAL mode", "[sqlite]") {
  MustWrite(Describe(NewTableAB()), {{{"id", I(1)}}});
  CHECK(Mode(Path()) == 0600);
  CHECK(Mode(Path() + "-wal") == 0600);
  CHECK(Mode(Path() + "-shm") == 0600);
  CHECK(db().Query("PRAGMA journal_mode").at(0).at(0) == "wal");
}

TEST_CASE_METHOD(SqliteTest, "What is no database file is said so", "[sqlite]") {
  const std::string text = Path() + ".txt";
  std::ofstream(text) << std::string(8'192, 'x');
  CHECK(OpenCode(text) == absl::StatusCode::kFailedPrecondition);
  CHECK(OpenCode(Path() + ".none/x.db") == absl::StatusCode::kFailedPrecondition);
  CHECK(OpenCode("/") == absl::StatusCode::kFailedPrecondition);
  CHECK(OpenCode(":memory:") == absl::StatusCode::kFailedPrecondition);
  CHECK(OpenCode("") == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE_METHOD(SqliteTest, "A lock of another connection asks for a retry", "[sqlite]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const auto impatient = MakeSqliteExecutor({.path = Path(), .busy_timeout_ms = 1});
  const RowBlock block = Block(*schema, {{{"id", I(1)}}});
  REQUIRE(impatient->Describe({"", table}, WriteRule()).ok());

  db().Execute("BEGIN IMMEDIATE");
  const WriteOutcome outcome = WriteThrough(*impatient, PlanWrite(schema, {&block}));
  const absl::Status created = impatient->CreateTable({"", table}, {});
  db().Execute("ROLLBACK");
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kRetry));
  CHECK(outcome.error.code == "SQLITE_BUSY");
  CHECK(created.code() == absl::StatusCode::kUnavailable);
  CHECK(WriteThrough(*impatient, PlanWrite(schema, {&block})).kind == Kind::kCommitted);
}

// The log may grow no further: what a transaction changed is written by its COMMIT.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(const std::string& path) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::filesystem::file_size(path);
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_CASE_METHOD(SqliteTest, "A COMMIT that fails is in doubt until the file has been read again",
                 "[sqlite]") {
  const std::string table = NewTableAB("t TEXT");
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}}});
  const SlotMove move = NextMove();
  const RowBlock block = Block(*schema, {{{"id", I(2)}, {"t", T(std::string(100'000, 'x'))}}});
  WriteOutcome outcome;
  {
    const FileSizeLimit limit(Path() + "-wal");
    outcome = WriteThrough(executor(), PlanWrite(schema, {&block}), {move, {}});
  }
  INFO(outcome.error.code << " " << outcome.error.message);
  CHECK(outcome.kind == Kind::kInDoubt);
  CHECK_FALSE(executor().connected());
  const absl::StatusOr<Resolution> resolution = executor().Resolve(move);
  REQUIRE(resolution.ok());
  CHECK(*resolution == Resolution::kNotCommitted);
  CHECK(Count(table) == 1);
  CHECK(WriteThrough(executor(), PlanWrite(schema, {&block}), {move, {}}).kind == Kind::kCommitted);
  CHECK(Count(table) == 2);
}

TEST_CASE_METHOD(SqliteTest, "Claiming and resolving do not wait for a lock without end",
                 "[sqlite]") {
  const auto impatient = MakeSqliteExecutor({.path = Path(), .busy_timeout_ms = 1});
  db().Execute("BEGIN IMMEDIATE");
  const absl::Status claimed = impatient->Claim(NextClaim());
  const absl::Status resolved = impatient->Resolve(NextMove()).status();
  db().Execute("ROLLBACK");
  CHECK(claimed.code() == absl::StatusCode::kUnavailable);
  CHECK(resolved.code() == absl::StatusCode::kUnavailable);
}

TEST_CASE_METHOD(SqliteTest, "A view in the place of a table of our own is refused", "[sqlite]") {
  db().Execute("DROP TABLE batchsql_watermark");
  db().Execute("CREATE VIEW batchsql_watermark AS SELECT 1");
  CHECK(executor().ReadSlots(pipeline()).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(executor().Claim(NextClaim()).code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE_METHOD(SqliteTest, "The table's own ON CONFLICT clauses do not act", "[sqlite]") {
  const auto* clause = GENERATE("IGNORE", "REPLACE", "ROLLBACK", "FAIL");
  INFO(clause);
  const std::string table =
      NewTable(absl::StrCat("id BIGINT PRIMARY KEY ON CONFLICT ", clause,
                            ", a INT NOT NULL ON CONFLICT ", clause, " DEFAULT 1"));
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}}});
  const WriteOutcome outcome =
      Write(schema, {{{"id", I(2)}, {"a", I(2)}}, {{"id", I(1)}, {"a", I(9)}}});
  CheckOneFailure(outcome, 1, RejectReason::kDuplicateKey, "SQLITE_CONSTRAINT_PRIMARYKEY");
  CHECK(Rows(table, "id, a") == Strings{"1|1", "2|2"});
}

TEST_CASE_METHOD(SqliteTest, "A trigger that aborts isolates its row", "[sqlite]") {
  const std::string table = NewTableAB();
  db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_t BEFORE INSERT ON ", table,
                            " WHEN new.a = 13 BEGIN SELECT RAISE(ABORT, 'secret'); END"));
  const WriteOutcome outcome =
      Write(Describe(table), {{{"id", I(1)}, {"a", I(1)}}, {{"id", I(2)}, {"a", I(13)}}});
  CheckOneFailure(outcome, 1, RejectReason::kConstraint, "SQLITE_CONSTRAINT_TRIGGER");
  CHECK(outcome.failures[0].error.message.empty());
  CHECK(Count(table) == 1);
}

TEST_CASE_METHOD(SqliteTest, "After a trigger that ends the transaction nothing more is sent",
                 "[sqlite]") {
  const std::string table = NewTableAB();
  db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_t BEFORE INSERT ON ", table,
                            " WHEN new.a = 13 BEGIN SELECT RAISE(ROLLBACK, 'no'); END"));
  const auto schema = Describe(table);
  const WriteOutcome outcome = Write(
      schema,
      {{{"id", I(1)}, {"a", I(1)}}, {{"id", I(2)}, {"a", I(13)}}, {{"id", I(3)}, {"a", I(1)}}});
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(Count(table) == 0);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}}});
}

TEST_CASE_METHOD(SqliteTest, "A row alone that ends the transaction pauses", "[sqlite]") {
  const std::string table = NewTableAB();
  db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_t BEFORE INSERT ON ", table,
                            " WHEN new.a = 13 BEGIN SELECT RAISE(ROLLBACK, 'no'); END"));
  const WriteOutcome outcome = Write(Describe(table), {{{"id", I(2)}, {"a", I(13)}}});
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
  CHECK(outcome.error.code == "SQLITE_CONSTRAINT_TRIGGER");
  CHECK(Count(table) == 0);
}

TEST_CASE_METHOD(SqliteTest, "Rows that a trigger leaves out are not lost in silence", "[sqlite]") {
  const std::string table = NewTableAB();
  db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_t BEFORE INSERT ON ", table,
                            " WHEN new.a = 13 BEGIN SELECT RAISE(IGNORE); END"));
  const auto schema = Describe(table);
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 120; ++id) rows.push_back({{"id", I(id)}, {"a", I(1)}});
  MustWrite(schema, rows);
  const auto left_out = GENERATE(0, 60, 119);
  rows.clear();
  for (int64_t id = 0; id < 120; ++id) {
    rows.push_back({{"id", I(1'000 + id)}, {"a", I(id == left_out ? 13 : 1)}});
  }
  const WriteOutcome outcome = Write(schema, rows);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
  CHECK(outcome.error.code == "row_count");
  CHECK(Count(table) == 120);
}

TEST_CASE_METHOD(SqliteTest, "A trigger's own rows are not counted as those of the batch",
                 "[sqlite]") {
  const std::string table = NewTableAB();
  const std::string other = NewTableAB();
  db().Execute(absl::StrCat("CREATE TRIGGER ", table, "_t AFTER INSERT ON ", table,
                            " BEGIN INSERT INTO ", other,
                            " VALUES (new.id, 1, 1), (-new.id, 1, 1);", " END"));
  MustWrite(Describe(table), {{{"id", I(1)}}, {{"id", I(2)}}});
  CHECK(Count(other) == 4);
}

TEST_CASE_METHOD(SqliteTest, "Other tables that come and go do not stop a table", "[sqlite]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}, {"a", I(1)}}});
  db().Execute("CREATE TABLE another (id INTEGER)");
  MustWrite(schema, {{{"id", I(2)}, {"a", I(1)}}});
  REQUIRE(executor().ReadProducers({"", table}, {}).ok());  // makes a table of our own
  MustWrite(schema, {{{"id", I(3)}, {"a", I(1)}}});
  db().Execute("DROP TABLE another");
  MustWrite(schema, {{{"id", I(4)}, {"a", I(1)}}});
  CHECK(Count(table) == 4);
}

TEST_CASE_METHOD(SqliteTest, "Only plain tables are written", "[sqlite]") {
  const std::string name = UniqueName();
  db().Execute(absl::StrCat("CREATE VIRTUAL TABLE ", name, " USING fts5(a)"));
  CHECK(DescribeCode(name) == absl::StatusCode::kFailedPrecondition);
  CHECK(DescribeCode(name + "_data") == absl::StatusCode::kFailedPrecondition);  // shadow table
  CHECK(DescribeCode("sqlite_schema") != absl::StatusCode::kOk);
  CHECK(executor().Describe({"other", name}, WriteRule()).status().code() ==
        absl::StatusCode::kNotFound);
  CHECK(executor().Describe({"main", NewTableAB()}, WriteRule()).ok());
}

TEST_CASE_METHOD(SqliteTest, "A column whose values would change is refused by name", "[sqlite]") {
  const std::string table = NewTable("id INTEGER PRIMARY KEY, price DECIMAL(10,2)");
  const absl::Status status = executor().Describe({"", table}, WriteRule()).status();
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(std::string(status.message()).find("column price") != std::string::npos);
}

TEST_CASE_METHOD(SqliteTest, "INTEGER PRIMARY KEY numbers absent keys and refuses NULL",
                 "[sqlite]") {
  const std::string table = NewTable("id INTEGER PRIMARY KEY, a INT");
  const auto schema = Describe(table, GENERATE(Conflict::kInsert, Conflict::kReplace));
  CHECK(schema->column(0).has_default);
  CHECK(schema->primary_key() == std::vector<uint16_t>{0});
  CHECK(schema->unique_keys() == std::vector<std::vector<uint16_t>>{{0}});
  MustWrite(schema, {{{"a", I(1)}}, {{"a", I(2)}}, {}});
  MustWrite(schema, {{{"id", I(9)}, {"a", I(9)}}});
  CHECK(Rows(table, "id, a") == Strings{"1|1", "2|2", "3|NULL", "9|9"});
  CHECK(Build(*schema, {{{"id", Value::Null()}}}).rejected.at(0).reason == RejectReason::kNull);
}

TEST_CASE_METHOD(SqliteTest, "WITHOUT ROWID and STRICT tables", "[sqlite]") {
  const std::string table = UniqueName();
  db().Execute(
      absl::StrCat("CREATE TABLE ", table, " (id TEXT PRIMARY KEY, a INT) STRICT, WITHOUT ROWID"));
  const auto schema = Describe(table, Conflict::kUpdate);
  CHECK_FALSE(schema->column(0).nullable);
  CHECK_FALSE(schema->column(0).has_default);
  CHECK(schema->CanCoalesce());
  MustWrite(schema, {{{"id", T("x")}, {"a", I(1)}}, {{"id", T("X")}, {"a", I(2)}}});
  MustWrite(schema, {{{"id", T("x")}, {"a", I(3)}}});
  CHECK(Rows(table, "id, a") == Strings{"X|2", "x|3"});
}

TEST_CASE_METHOD(SqliteTest, "Keys that ignore case are not coalesced; the later row wins",
                 "[sqlite]") {
  const std::string table = NewTable("id TEXT PRIMARY KEY COLLATE NOCASE NOT NULL, a INT");
  const auto schema = Describe(table, Conflict::kReplace);
  CHECK_FALSE(schema->CanCoalesce());
  MustWrite(schema, {{{"id", T("k")}, {"a", I(1)}},
                     {{"id", T("K")}, {"a", I(2)}},
                     {{"id", T("k")}, {"a", I(3)}},
                     {{"id", T("K")}, {"a", I(4)}}});
  CHECK(Rows(table, "id, a") == Strings{"k|4"});
}

TEST_CASE_METHOD(SqliteTest, "Partial and expression indexes are no keys, but refuse rows",
                 "[sqlite]") {
  const std::string table = NewTableAB();
  db().Execute(absl::StrCat("CREATE UNIQUE INDEX ", table, "_p ON ", table, " (a) WHERE a > 0"));
  db().Execute(absl::StrCat("CREATE UNIQUE INDEX ", table, "_e ON ", table, " (abs(b))"));
  const auto schema = Describe(table, Conflict::kUpdate);
  CHECK(schema->unique_keys().size() == 1);
  const WriteOutcome outcome = Write(schema, {{{"id", I(1)}, {"a", I(1)}, {"b", I(5)}},
                                              {{"id", I(2)}, {"a", I(2)}, {"b", I(-5)}}});
  CheckOneFailure(outcome, 1, RejectReason::kDuplicateKey, "SQLITE_CONSTRAINT_UNIQUE");
}

TEST_CASE_METHOD(SqliteTest, "A JSON number that the column would change is a row's fault",
                 "[sqlite]") {
  const std::string table =
      NewTable("id INTEGER PRIMARY KEY, numeric_affinity JSON, text_affinity JSON TEXT");
  const auto schema = Describe(table);
  const std::string digits = "123456789012345678901234567890";
  const WriteOutcome outcome = Write(
      schema, {{{"id", I(1)}, {"numeric_affinity", T(" 12")}, {"text_affinity", T("1.50")}},
               {{"id", I(2)}, {"numeric_affinity", T(digits)}},
               {{"id", I(3)}, {"numeric_affinity", T("[1.50]")}, {"text_affinity", T(digits)}}});
  CheckOneFailure(outcome, 1, RejectReason::kInexact, "SQLITE_MISMATCH");
  CHECK(Rows(table, "numeric_affinity, text_affinity") == Strings{"12|1.50", "[1.50]|" + digits});
}

TEST_CASE_METHOD(SqliteTest, "A plan of more groups than there are cached statements", "[sqlite]") {
  const std::string table = NewTable(
      "id INTEGER PRIMARY KEY, c0 INT, c1 INT, c2 INT, c3 INT, c4 INT, c5 INT, c6 INT, c7 INT");
  const auto schema = Describe(table);
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 256 * 60; ++id) {
    rows.push_back({{"id", I(id)}});
    for (int i = 0; i < 8; ++i) {
      if ((id >> i) % 2 == 1) rows.back().emplace_back(absl::StrCat("c", i), I(id));
    }
  }
  MustWrite(schema, rows);
  CHECK(Count(table) == 256 * 60);
  for (int i = 0; i < 8; ++i) {
    const std::string column = absl::StrCat("c", i);
    CHECK(Count(table, absl::StrCat(column, " = id AND (id >> ", i, ") % 2 = 1")) == 128 * 60);
    CHECK(Count(table, absl::StrCat(column, " IS NULL")) == 128 * 60);
  }
}

// While one lives, files that SQLite opens have locks in their shared memory that can be made to
// fail.
class FailingLocks {
 public:
  FailingLocks() {
    original_ = sqlite3_vfs_find(nullptr);
    vfs_ = *original_;
    vfs_.zName = "failing";
    vfs_.xOpen = Open;
    REQUIRE(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  }
  ~FailingLocks() {
    fail_ = false;
    sqlite3_vfs_register(original_, 1);
    sqlite3_vfs_unregister(&vfs_);
  }
  static void Fail(bool fail) { fail_ = fail; }

 private:
  static int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
                  int* out_flags) {
    const int code = original_->xOpen(original_, name, file, flags, out_flags);
    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0) return code;
    original_methods_ = file->pMethods;
    methods_ = *file->pMethods;
    methods_.xShmLock = ShmLock;
    file->pMethods = &methods_;
    return code;
  }
  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    if (fail_) return SQLITE_IOERR_SHMLOCK;
    return original_methods_->xShmLock(file, offset, count, flags);
  }

  inline static sqlite3_vfs* original_ = nullptr;
  inline static const sqlite3_io_methods* original_methods_ = nullptr;
  inline static sqlite3_io_methods methods_;
  inline static bool fail_ = false;
  inline static sqlite3_vfs vfs_;  // of files that are closed later, too
};

TEST_CASE_METHOD(SqliteTest, "A connection whose locks are broken is dropped, whatever it did",
                 "[sqlite]") {
  const FailingLocks locks;
  const auto schema = Describe(NewTableAB());
  const auto broken = MakeSqliteExecutor({.path = Path()});
  const RowBlock block = Block(*schema, {{{"id", I(1)}}});
  const std::vector<std::function<bool()>> calls = {
      [&] { return broken->Describe(schema->name(), WriteRule()).ok(); },
      [&] { return broken->ReadSlots(pipeline()).ok(); },
      [&] { return broken->Claim(NextClaim()).ok(); },
      [&] { return broken->Resolve(NextMove()).ok(); },
      [&] { return broken->ReadContents(pipeline(), *schema, false).ok(); },
      [&] { return WriteThrough(*broken, PlanWrite(schema, {&block})).kind == Kind::kCommitted; }};
  for (size_t i = 0; i < calls.size(); ++i) {
    INFO(i);
    REQUIRE(broken->Describe(schema->name(), WriteRule()).ok());
    FailingLocks::Fail(true);
    CHECK_FALSE(calls[i]());
    FailingLocks::Fail(false);
    CHECK_FALSE(broken->connected());
  }
  CHECK(WriteThrough(*broken, PlanWrite(schema, {&block})).kind == Kind::kCommitted);
}

TEST_CASE_METHOD(SqliteTest, "A COMMIT refused for its foreign keys leaves no transaction",
                 "[sqlite]") {
  const std::string table =
      NewTableAB("FOREIGN KEY (a) REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED");
  db().Execute("CREATE TABLE nowhere (id INTEGER PRIMARY KEY)");
  const WriteOutcome outcome = Write(Describe(table), {{{"id", I(1)}, {"a", I(1)}}});
  CheckOneFailure(outcome, 0, RejectReason::kForeignKey, "SQLITE_CONSTRAINT_FOREIGNKEY");
  db().Execute("BEGIN IMMEDIATE");  // no lock is left
  db().Execute("ROLLBACK");
  CHECK(Count(table) == 0);
}

}  // namespace
}  // namespace batchsql::contract
