#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/executor.h"
#include "core/row_block.h"
#include "core/row_block_builder.h"
#include "core/table_schema.h"
#include "core/uuid.h"
#include "core/value.h"
#include "core/write_plan.h"

namespace batchsql::contract {

// What an executor promises, tested against a real database. The test cases are compiled once
// (*_contract.cc) and linked with each database's TestDatabase; nothing in them knows which
// database it is, but for what TestDatabase says.

// A database, reached beside the executor over a connection of the test's own. SQL is the common
// subset of the three. One thread at a time, but for MakeExecutor's results.
class TestDatabase {
 public:
  using Row = std::vector<std::optional<std::string>>;

  virtual ~TestDatabase() = default;

  // "sqlite", "postgresql", "mysql".
  virtual std::string_view kind() const = 0;
  // Runs one statement in autocommit. Throws std::runtime_error with the database's message.
  virtual void Execute(const std::string& sql) = 0;
  // The rows of a SELECT as the driver's text; NULL is nullopt.
  virtual std::vector<Row> Query(const std::string& sql) = 0;

  // An executor on this database, not yet connected.
  virtual std::unique_ptr<Executor> MakeExecutor() = 0;
  // Ends every connection of the executors from the server's side: none starts anything after it.
  // False: there is no server (SQLite), and nothing was done.
  virtual bool KillConnections() = 0;

  // The identifier in the database's quotes.
  virtual std::string Quote(std::string_view identifier) const = 0;
  // The column type that holds the logical type in full: integers of 64 bits, unlimited text and
  // bytes, six digits of a second, decimals of 38 digits with 10 after the point; kEnum with the
  // labels 'red', 'green' and 'größer' (its type, if it needs one, made on demand). Empty: the
  // database has no such type.
  virtual std::string ColumnSql(ColumnType type) = 0;
  // The same for a one-dimensional array of `element`.
  virtual std::string ArraySql(ColumnType element) = 0;
  // The type that Describe tells for a column of ColumnSql(type); mostly `type` itself.
  virtual ColumnType DescribedAs(ColumnType type) const { return type; }

  // SQL that gives a column of ColumnSql(type) as comparable text:
  //   kBool        0 or 1
  //   integers     digits
  //   floats       what strtod reads back to the same number; inf, -inf and nan in any case
  //   kDecimal     digits, trailing zeros allowed
  //   kBytes       lower-case hexadecimal
  //   kDate        2024-02-29
  //   kTime        23:59:59.999999
  //   kTimestamp   2024-02-29 23:59:59.999999, kTimestampTz the same in UTC
  //   kUuid        lower case with hyphens
  //   kJson        JSON; white space outside strings is ignored
  //   kArray       a JSON array of the elements
  //   others       as they are
  virtual std::string Canonical(ColumnType type, const std::string& column) const = 0;

  // Names of the edge values (type_contract.cc) that this database cannot keep and that validation
  // must therefore refuse; all others must come back unchanged. This is docs/types.md, tested.
  virtual std::set<std::string> RefusedEdges() const = 0;

  // The SQL condition that a row of a table of the product's own is this pipeline's.
  std::string OfPipeline(const Uuid& pipeline) const;

  // Where the server listens, and an executor that is to find it at another port; 0 and null where
  // there is no server (SQLite).
  virtual uint16_t port() const { return 0; }
  virtual std::unique_ptr<Executor> MakeExecutorAt(uint16_t /*port*/) { return nullptr; }

  // Constraints may be DEFERRABLE INITIALLY DEFERRED.
  virtual bool has_deferred_constraints() const = 0;
};

// The DSN with another port. Throws when it does not name `port`.
std::string WithPort(const std::string& dsn, uint16_t port, uint16_t other);

// Implemented by each database's test: tests/executors/KIND_test_database.cc. Called for each test
// case. Throws when the database cannot be reached: a missing server is a failure.
std::unique_ptr<TestDatabase> MakeTestDatabase();

// One row as a client sends it; columns that are not named are absent.
using Cells = std::vector<std::pair<std::string, Value>>;

// The base of the test cases: a database, an executor, and the tables of this test case, which are
// dropped at its end.
class ContractTest {
 public:
  ContractTest();
  ~ContractTest();
  ContractTest(const ContractTest&) = delete;
  ContractTest& operator=(const ContractTest&) = delete;

 protected:
  TestDatabase& db() { return *db_; }
  Executor& executor() { return *executor_; }
  std::string Sql(ColumnType type) { return db_->ColumnSql(type); }

  // A name that no other test case uses; the table is dropped at the end if it exists.
  std::string UniqueName(std::string_view suffix = "");
  // Creates a table of a unique name: CREATE TABLE name (definition).
  std::string NewTable(const std::string& definition, std::string_view suffix = "");
  // `id` 64-bit primary key, `a` and `b` nullable 64-bit integers, and what is added.
  std::string NewTableAB(const std::string& more = "");

  std::shared_ptr<const TableSchema> Describe(const std::string& table, const WriteRule& rule = {});
  std::shared_ptr<const TableSchema> Describe(const std::string& table, Conflict conflict);
  // kReplace by a unique key beside the primary key.
  static WriteRule ReplaceBy(const std::string& key);

  static BuiltRows Build(const TableSchema& schema, const std::vector<Cells>& rows);
  // As Build, where all rows must pass.
  static RowBlock Block(const TableSchema& schema, const std::vector<Cells>& rows);

  // Writes are one pipeline's, which claims its slots when the test case begins. Each goes through
  // slot 0, as the next range, and remembers what it committed.
  static constexpr uint32_t kSlots = 3;
  const Uuid& pipeline() const { return pipeline_; }
  std::vector<SlotRow>& slots() { return slots_; }  // as they are in the database
  SlotMove NextMove(uint32_t slot = 0);
  // The slot's row that the last Write was to leave.
  const SlotRow& written() const { return written_; }
  SlotClaim NextClaim();
  // Called by Write for the rows that it leaves out.
  std::function<absl::Status()> on_keep = [] { return absl::OkStatus(); };
  // What the transaction is to write of them.
  LetterChanges keep_changes;

  // Also checks that the failures were kept once.
  WriteOutcome WriteThrough(Executor& executor, const WritePlan& plan,
                            const FlushProgress& progress);
  WriteOutcome WriteThrough(Executor& executor, const WritePlan& plan);
  WriteOutcome Write(const std::shared_ptr<const TableSchema>& schema,
                     const std::vector<const RowBlock*>& blocks);
  WriteOutcome Write(const std::shared_ptr<const TableSchema>& schema,
                     const std::vector<Cells>& rows);
  // Write, which must commit every row.
  void MustWrite(const std::shared_ptr<const TableSchema>& schema, const std::vector<Cells>& rows);

  // SELECT columns FROM table ORDER BY id, where `columns` is SQL. NULL is shown as "NULL", cells
  // are joined with '|'.
  std::vector<std::string> Rows(const std::string& table, const std::string& columns);
  int64_t Count(const std::string& table, const std::string& where = "1 = 1");

 private:
  std::unique_ptr<TestDatabase> db_;
  std::unique_ptr<Executor> executor_;
  Uuid pipeline_ = NewUuid();
  std::vector<SlotRow> slots_;
  SlotRow written_;
  std::vector<std::string> tables_;  // as created; dropped in reverse order
};

}  // namespace batchsql::contract
