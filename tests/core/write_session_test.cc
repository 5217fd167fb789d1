#include "executors/shared/write_session.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Kind = WriteOutcome::Kind;
using Schema = std::shared_ptr<const TableSchema>;

Value I(int64_t value) { return Value::Int(value); }

// A table of ids in memory with transactions and one savepoint. Rows whose id is in `bad` are
// refused; what else goes wrong is scripted. Fails the test when anything is sent without a
// transaction.
class FakeSession : public WriteSession {
 public:
  std::set<int64_t> bad;           // refused while their row is written
  std::set<int64_t> bad_deferred;  // refused at COMMIT, or at once when constraints are immediate
  std::set<int64_t> ends_transaction;           // refused, and the transaction is gone
  std::map<int, DatabaseError> fail_statement;  // by number, from 1: what WriteRows answers
  DatabaseError begin_error;
  CommitResult commit_result{Kind::kCommitted, {}};
  bool fenced = false;
  bool producer_moved_elsewhere = false;
  DatabaseError producer_error;
  RejectReason reason = RejectReason::kDuplicateKey;  // of rows that are refused
  bool vanishes = false;  // the transaction is gone after a statement without an error

  std::vector<int64_t> table;  // ids in the order of their writing
  int statements = 0;
  int transactions = 0;
  int commits = 0;
  size_t producers_moved = 0;
  int outside = 0;  // sent without a transaction

  DatabaseError Begin(const SlotMove& /*move*/, bool* moved) override {
    if (!begin_error.ok()) return begin_error;
    *moved = !fenced;
    outside += in_transaction_ ? 1 : 0;
    in_transaction_ = true;
    immediate_ = false;
    ++transactions;
    pending_.clear();
    return {};
  }

  DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                          absl::Span<const RowRange> ranges) override {
    Sent();
    ++statements;
    if (const auto scripted = fail_statement.find(statements); scripted != fail_statement.end()) {
      return scripted->second;
    }
    DatabaseError error;
    const uint16_t id[] = {0};
    std::vector<int64_t> written;
    ForEachRow(plan, id, ranges, [&](absl::Span<const ColumnView> views, uint32_t row) {
      const int64_t value = views[0].i64(row);
      written.push_back(value);
      if (bad.contains(value) || (immediate_ && bad_deferred.contains(value))) error = RowError();
      if (ends_transaction.contains(value)) {
        error = RowError();
        in_transaction_ = false;
      }
    });
    static_cast<void>(columns);
    if (vanishes) in_transaction_ = false;
    if (error.ok()) pending_.insert(pending_.end(), written.begin(), written.end());
    return error;
  }

  DatabaseError MoveProducers(const TableName& /*table*/, absl::Span<const ProducerMove> moves,
                              bool* moved) override {
    Sent();
    producers_moved += moves.size();
    *moved = !producer_moved_elsewhere;
    return producer_error;
  }
  DatabaseError BeginLocking() override { return NotForFlushes(); }
  DatabaseError Query(const std::string& /*sql*/, absl::Span<const std::string_view> /*parameters*/,
                      std::vector<TextRow>* /*rows*/) override {
    return NotForFlushes();
  }
  DatabaseError Change(const std::string& /*sql*/,
                       absl::Span<const std::string_view> /*parameters*/,
                       uint64_t* /*rows*/) override {
    return NotForFlushes();
  }
  DatabaseError MakeConstraintsImmediate() override {
    Sent();
    immediate_ = true;
    return {};
  }
  DatabaseError SetSavepoint() override {
    Sent();
    savepoint_ = pending_;
    return {};
  }
  DatabaseError RollbackToSavepoint() override {
    Sent();
    pending_ = savepoint_;
    return {};
  }
  DatabaseError ReleaseSavepoint() override {
    Sent();
    return {};
  }
  bool InTransaction() override { return in_transaction_; }
  void Rollback() override {
    Sent();
    in_transaction_ = false;
    pending_.clear();
  }
  CommitResult Commit() override {
    Sent();
    ++commits;
    for (int64_t id : pending_) {
      if (bad_deferred.contains(id) && !immediate_) {
        in_transaction_ = false;
        return {Kind::kNotCommitted, RowError()};
      }
    }
    in_transaction_ = false;
    if (commit_result.kind == Kind::kCommitted) table = pending_;
    return commit_result;
  }

 private:
  DatabaseError RowError() const { return {ErrorClass::kRow, "23505", "", reason, "id"}; }
  static DatabaseError NotForFlushes() { return {ErrorClass::kFatal, "unexpected", ""}; }
  void Sent() { outside += in_transaction_ ? 0 : 1; }

  bool in_transaction_ = false;
  bool immediate_ = false;
  std::vector<int64_t> pending_;
  std::vector<int64_t> savepoint_;
};

struct Rows {
  Schema schema;
  RowBlock block;
  WritePlan plan;
};

Rows Ids(int64_t count, Conflict conflict = Conflict::kInsert, int64_t groups = 1) {
  Rows rows;
  rows.schema = std::make_shared<const TableSchema>(TestTableAB(conflict));
  std::vector<TestRow> cells;
  for (int64_t id = 0; id < count; ++id) {
    cells.push_back({{"id", I(id)}});
    if (id % groups == 1) cells.back().emplace_back("a", I(id));
  }
  rows.block = BuildBlock(*rows.schema, cells);
  rows.plan = PlanWrite(rows.schema, {&rows.block});
  return rows;
}

// Keeps failures as told, and counts.
struct Keeper {
  absl::Status answer;
  int calls = 0;
  size_t failures = 0;
  bool in_transaction = false;
};

WriteOutcome Run(FakeSession& session, const WritePlan& plan, const FlushProgress& progress,
                 Keeper& keeper) {
  return RunWrite(session, plan, progress, [&](absl::Span<const RowFailure> failures) {
    ++keeper.calls;
    keeper.failures = failures.size();
    keeper.in_transaction = session.InTransaction();
    return keeper.answer;
  });
}

WriteOutcome Run(FakeSession& session, const WritePlan& plan) {
  Keeper keeper;
  WriteOutcome outcome = Run(session, plan, {}, keeper);
  CHECK(keeper.calls <= 1);
  if (outcome.kind == Kind::kCommitted) CHECK(keeper.failures == outcome.failures.size());
  return outcome;
}

std::set<int64_t> FailedIds(const Rows& rows, const WriteOutcome& outcome) {
  std::set<int64_t> ids;
  for (const RowFailure& failure : outcome.failures) {
    ids.insert(rows.plan.blocks[failure.row.block]->column(0).i64(failure.row.row));
  }
  return ids;
}

TEST_CASE("Good rows are written in one statement for each group and one transaction") {
  const Rows rows = Ids(100, Conflict::kInsert, 2);
  FakeSession session;
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.empty());
  CHECK(session.statements == 2);
  CHECK(session.transactions == 1);
  CHECK(session.table.size() == 100);
  CHECK(session.outside == 0);
}

TEST_CASE("Bad rows are found wherever they stand, and their neighbours are written in order") {
  std::mt19937 random(GENERATE(range(0U, 40U)));
  const int64_t count = 1 + random() % 200;
  const Rows rows = Ids(count, Conflict::kInsert, 1 + random() % 3);
  FakeSession session;
  for (uint32_t i = random() % 8; i > 0; --i) session.bad.insert(random() % count);
  for (int64_t edge : {int64_t{0}, count - 1}) {
    if (random() % 4 == 0) session.bad_deferred.insert(edge);
  }
  std::set<int64_t> bad = session.bad;
  bad.insert(session.bad_deferred.begin(), session.bad_deferred.end());

  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(outcome.error.ok());
  CHECK(FailedIds(rows, outcome) == bad);
  CHECK(outcome.failures.size() == bad.size());
  CHECK(session.table.size() + bad.size() == static_cast<size_t>(count));
  for (int64_t id : session.table) CHECK_FALSE(bad.contains(id));
  CHECK(session.outside == 0);
  for (const RowFailure& failure : outcome.failures) {
    CHECK(failure.error.reason == RejectReason::kDuplicateKey);
  }
}

TEST_CASE("Every single bad row of a batch is told") {
  for (int64_t bad = 0; bad < 33; ++bad) {
    const Rows rows = Ids(33);
    FakeSession session;
    session.bad = {bad};
    CHECK(FailedIds(rows, Run(session, rows.plan)) == std::set<int64_t>{bad});
    CHECK(session.table.size() == 32);
    CHECK(std::is_sorted(session.table.begin(), session.table.end()));
  }
}

TEST_CASE("A batch of bad rows alone commits nothing but its transaction") {
  const Rows rows = Ids(5);
  FakeSession session;
  session.bad = {0, 1, 2, 3, 4};
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 5);
  CHECK(session.table.empty());
}

TEST_CASE("One bad row among ten thousand costs few statements") {
  const Rows rows = Ids(10'000);
  FakeSession session;
  session.bad = {7'777};
  CHECK(Run(session, rows.plan).failures.size() == 1);
  CHECK(session.statements < 40);
}

TEST_CASE("Nothing more is sent in a transaction that is gone") {
  const Rows rows = Ids(8);
  FakeSession session;
  session.bad = {2};
  session.ends_transaction = {5};
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kRetry);
  CHECK(outcome.failures.empty());
  CHECK(session.commits == 0);
  CHECK(session.table.empty());
  CHECK(session.outside == 0);
}

TEST_CASE("A transaction that ended by itself is not committed") {
  const Rows rows = Ids(4);
  FakeSession session;
  session.vanishes = true;
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kRetry);
  CHECK(session.commits == 0);
  CHECK(session.outside == 0);
}

TEST_CASE("An error that is no row's fault ends the attempt, and is told as it came") {
  const auto error_class = GENERATE(ErrorClass::kRetry, ErrorClass::kReconnect, ErrorClass::kPause,
                                    ErrorClass::kFatal, ErrorClass::kUnknown);
  const int statement = GENERATE(1, 2, 5);
  const Rows rows = Ids(16, Conflict::kInsert, 2);
  FakeSession session;
  session.bad = {0};
  session.fail_statement[statement] = {error_class, "X", "why"};
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == error_class);
  CHECK(outcome.error.code == "X");
  CHECK(outcome.failures.empty());
  CHECK_FALSE(session.InTransaction());
  CHECK(session.table.empty());
  CHECK(session.outside == 0);
}

TEST_CASE("A transaction that cannot begin is not rolled back") {
  const Rows rows = Ids(1);
  FakeSession session;
  session.begin_error = {ErrorClass::kReconnect, "08006", "away"};
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.code == "08006");
  CHECK(session.outside == 0);
}

TEST_CASE("A commit without an answer is in doubt, and tells what its attempt left out") {
  const Rows rows = Ids(4);
  for (const std::set<int64_t>& bad : {std::set<int64_t>{}, std::set<int64_t>{2}}) {
    FakeSession session;
    session.bad = bad;
    session.commit_result = {Kind::kInDoubt, {ErrorClass::kReconnect, "57P01", "gone"}};
    const WriteOutcome outcome = Run(session, rows.plan);
    CHECK(outcome.kind == Kind::kInDoubt);
    CHECK(outcome.error.code == "57P01");
    CHECK(FailedIds(rows, outcome) == bad);
    CHECK(session.commits == 1);
  }
}

TEST_CASE("A commit that the database refused is not committed") {
  const Rows rows = Ids(4);
  FakeSession session;
  session.commit_result = {Kind::kNotCommitted, {ErrorClass::kRetry, "40001", "serialization"}};
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.code == "40001");
  CHECK(session.commits == 1);
}

// Keys coalesced: the row that stands for three is refused, so each is tried by itself.
TEST_CASE("When a coalesced row is refused its originals are tried in LSN order") {
  const Schema schema = std::make_shared<const TableSchema>(TestTableAB(Conflict::kUpdate));
  const RowBlock block = BuildBlock(*schema, {{{"id", I(1)}, {"a", I(1)}},
                                              {{"id", I(2)}},
                                              {{"id", I(1)}, {"b", I(2)}},
                                              {{"id", I(1)}, {"a", I(3)}}});
  const WritePlan plan = PlanWrite(schema, {&block});
  REQUIRE(plan.coalesced_rows == 2);
  FakeSession session;
  session.bad = {1};
  const WriteOutcome outcome = Run(session, plan);
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(outcome.coalesced_rows == 0);
  std::vector<RowRef> failed;
  for (const RowFailure& failure : outcome.failures) failed.push_back(failure.row);
  CHECK(failed == std::vector<RowRef>{{0, 0}, {0, 2}, {0, 3}});
  CHECK(session.table == std::vector<int64_t>{2});
}

// Refuses rows by the value of `a`, so that one original may pass where the merged row did not.
class PickySession : public FakeSession {
 public:
  DatabaseError WriteRows(const WritePlan& plan, absl::Span<const uint16_t> columns,
                          absl::Span<const RowRange> ranges) override {
    bool refused = false;
    for (const RowRange& range : ranges) {
      ColumnView a;
      if (!plan.blocks[range.block]->FindColumn(1, &a)) continue;
      for (uint32_t row = range.begin; row < range.end; ++row) {
        refused = refused || (a.state(row) == CellState::kValue && a.i64(row) == 666);
      }
    }
    if (refused) {
      ++statements;
      return {ErrorClass::kRow, "23514", "", RejectReason::kConstraint, "a"};
    }
    return FakeSession::WriteRows(plan, columns, ranges);
  }
};

TEST_CASE("Of a refused coalesced row only the originals at fault are refused") {
  for (Conflict conflict : {Conflict::kIgnore, Conflict::kUpdate, Conflict::kReplace}) {
    const Schema schema = std::make_shared<const TableSchema>(TestTableAB(conflict));
    const bool first_is_bad = conflict == Conflict::kIgnore;
    const RowBlock block = BuildBlock(*schema, {{{"id", I(1)}, {"a", I(first_is_bad ? 666 : 1)}},
                                                {{"id", I(1)}, {"b", I(2)}},
                                                {{"id", I(1)}, {"a", I(first_is_bad ? 3 : 666)}}});
    const WritePlan plan = PlanWrite(schema, {&block});
    REQUIRE(plan.coalesced_rows == 2);
    PickySession session;
    const WriteOutcome outcome = Run(session, plan);
    CHECK(outcome.kind == Kind::kCommitted);
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures[0].row == RowRef{0, first_is_bad ? 0U : 2U});
    CHECK(outcome.coalesced_rows == 0);
    CHECK(session.table == std::vector<int64_t>{1, 1});
  }
}

TEST_CASE("Coalesced rows that are written stay counted while another's originals are tried") {
  const Schema schema = std::make_shared<const TableSchema>(TestTableAB(Conflict::kReplace));
  const RowBlock block = BuildBlock(
      *schema, {{{"id", I(1)}}, {{"id", I(1)}}, {{"id", I(2)}}, {{"id", I(2)}}, {{"id", I(2)}}});
  const WritePlan plan = PlanWrite(schema, {&block});
  REQUIRE(plan.coalesced_rows == 3);
  FakeSession session;
  session.bad = {1};
  const WriteOutcome outcome = Run(session, plan);
  CHECK(outcome.failures.size() == 2);
  CHECK(outcome.coalesced_rows == 2);
}

TEST_CASE("A commit in doubt tells how many rows were coalesced") {
  const Schema schema = std::make_shared<const TableSchema>(TestTableAB(Conflict::kReplace));
  const RowBlock block = BuildBlock(*schema, {{{"id", I(1)}}, {{"id", I(1)}}});
  FakeSession session;
  session.commit_result = {Kind::kInDoubt, {ErrorClass::kReconnect, "57P01", "gone"}};
  CHECK(Run(session, PlanWrite(schema, {&block})).coalesced_rows == 1);
}

TEST_CASE("A slot's row that is not as expected fences the flush before any row") {
  const Rows rows = Ids(4);
  FakeSession session;
  session.fenced = true;
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kFenced);
  CHECK(outcome.error.code == kFencedCode);
  CHECK(session.statements == 0);
  CHECK(session.commits == 0);
  CHECK_FALSE(session.InTransaction());
}

TEST_CASE("A plan without rows commits the slot alone") {
  FakeSession session;
  CHECK(Run(session, WritePlan()).kind == Kind::kCommitted);
  CHECK(session.statements == 0);
  CHECK(session.commits == 1);
}

TEST_CASE("Producers are moved after the rows, and a lost race takes all back") {
  const Rows rows = Ids(4);
  const FlushProgress progress{{}, {{"p", 0, 3}, {"q", 7, 9}}};
  Keeper keeper;
  FakeSession session;
  session.bad = {1};
  SECTION("as expected") {
    CHECK(Run(session, rows.plan, progress, keeper).kind == Kind::kCommitted);
    CHECK(session.producers_moved == 2);
    CHECK(keeper.calls == 1);
  }
  SECTION("moved by somebody else") {
    session.producer_moved_elsewhere = true;
    const WriteOutcome outcome = Run(session, rows.plan, progress, keeper);
    CHECK(outcome.kind == Kind::kProducerMoved);
    CHECK(outcome.error.code == kProducerMovedCode);
  }
  SECTION("failed") {
    session.producer_error = {ErrorClass::kRetry, "40P01", "deadlock"};
    const WriteOutcome outcome = Run(session, rows.plan, progress, keeper);
    CHECK(outcome.kind == Kind::kNotCommitted);
    CHECK(outcome.error.code == "40P01");
  }
  CHECK_FALSE(session.InTransaction());
  CHECK((session.commits == 1) == (keeper.calls == 1));
  CHECK(session.outside == 0);
}

TEST_CASE("Refused rows are kept within the transaction, and nothing is committed without that") {
  const Rows rows = Ids(8);
  FakeSession session;
  session.bad = {1, 6};
  Keeper keeper;
  SECTION("kept") {
    CHECK(Run(session, rows.plan, {}, keeper).kind == Kind::kCommitted);
    CHECK(session.commits == 1);
  }
  SECTION("not kept") {
    keeper.answer = absl::ResourceExhaustedError("no space for dead letters");
    const WriteOutcome outcome = Run(session, rows.plan, {}, keeper);
    CHECK(outcome.kind == Kind::kNotCommitted);
    CHECK(outcome.error.error_class == ErrorClass::kPause);
    CHECK(outcome.error.code == kDeadLettersCode);
    CHECK(outcome.error.message == "no space for dead letters");
    CHECK(outcome.failures.empty());
    CHECK(session.commits == 0);
    CHECK(session.table.empty());
  }
  CHECK(keeper.calls == 1);
  CHECK(keeper.failures == 2);
  CHECK(keeper.in_transaction);
  CHECK_FALSE(session.InTransaction());
}

TEST_CASE("A flood of bad rows pauses before any is kept") {
  const Rows rows = Ids(5'000);
  FakeSession session;
  for (int64_t id = 0; id < 5'000; id += 2) session.bad.insert(id);
  Keeper keeper;
  const WriteOutcome outcome = Run(session, rows.plan, {}, keeper);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(outcome.error.code == kRowFloodCode);
  CHECK(session.statements <= static_cast<int>(kStatementsMax) + 1);
  CHECK(session.commits == 0);
  CHECK(keeper.calls == 0);
  CHECK(session.outside == 0);
}

TEST_CASE("Half of a batch refused on one column is a changed schema") {
  const auto [count, bad, reason, drifts] = GENERATE(table<int64_t, int64_t, RejectReason, bool>({
      {200, 100, RejectReason::kNull, true},
      {100, 100, RejectReason::kTooLong, true},
      {600, 299, RejectReason::kNull, false},
      {99, 99, RejectReason::kNull, false},
      {200, 200, RejectReason::kDuplicateKey, false},
      {200, 200, RejectReason::kForeignKey, false},
      {200, 200, RejectReason::kConstraint, false},
  }));
  const Rows rows = Ids(count);
  FakeSession session;
  session.reason = reason;
  for (int64_t id = 0; id < bad; ++id) session.bad.insert(id);
  Keeper keeper;
  const WriteOutcome outcome = Run(session, rows.plan, {}, keeper);
  CHECK(keeper.calls == (drifts ? 0 : 1));
  CHECK(session.commits == (drifts ? 0 : 1));
  if (!drifts) return;
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(outcome.error.code == kSchemaDriftCode);
  CHECK(outcome.error.column == "id");
}

}  // namespace
}  // namespace batchsql
