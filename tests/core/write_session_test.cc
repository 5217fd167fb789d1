#include <algorithm>
#include <random>

#include "tests/core/fake_session.h"

namespace batchsql::session_test {
namespace {

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

TEST_CASE("Rows without a parent are tried again, with as many statements") {
  const Rows rows = Ids(900);
  FakeSession session;
  session.reason = RejectReason::kForeignKey;
  for (int64_t id = 0; id < 900; ++id) session.bad.insert(id);
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(FailedIds(rows, outcome) == session.bad);
  CHECK(session.statements == 1 + (2 * 900 - 1) + 900);
}

TEST_CASE("Nothing more is sent in a transaction that is gone") {
  const Rows rows = Ids(8);
  const Rows more = Ids(1);
  const bool is_one_block = GENERATE(true, false);
  const WritePlan two_blocks = PlanWrite(rows.schema, {&rows.block, &more.block});
  FakeSession session;
  session.bad = {2};
  session.ends_transaction = {5};
  const WriteOutcome outcome = Run(session, is_one_block ? rows.plan : two_blocks);
  CHECK(outcome.kind == Kind::kNotCommitted);
  // A retry halves the batch; what cannot be halved waits for a person.
  CHECK(outcome.error.error_class == (is_one_block ? ErrorClass::kPause : ErrorClass::kRetry));
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

// Rows for a table that keeps what a failed flush wrote.
Rows WithoutRollback(int64_t count, Conflict conflict) {
  Rows rows = Ids(count, conflict);
  const TableSchema& schema = *rows.schema;
  rows.schema = std::make_shared<const TableSchema>(
      *TableSchema::Create(schema.name(), schema.columns(), schema.primary_key(),
                           schema.unique_keys(), schema.rule(), TableWeakness::kNoRollback));
  rows.plan.schema = rows.schema;
  return rows;
}

TEST_CASE("Without rollback each row is inserted once, and the bad ones are told") {
  const Rows rows = WithoutRollback(400, Conflict::kInsert);
  FakeSession session;
  session.keeps_all = true;
  session.reason = RejectReason::kNull;  // would be a changed schema elsewhere
  for (int64_t id = 0; id < 400; id += 2) session.bad.insert(id);
  const WriteOutcome outcome = Run(session, rows.plan);
  REQUIRE(outcome.kind == Kind::kCommitted);
  CHECK(FailedIds(rows, outcome) == session.bad);
  CHECK(session.kept.size() == 200);
  CHECK(session.kept == session.table);
  CHECK(session.transactions == 1);
  CHECK(session.outside == 0);
}

TEST_CASE("Without rollback a transaction that a bad row ended is not gone on with") {
  const Rows rows = WithoutRollback(5, Conflict::kInsert);
  FakeSession session;
  session.ends_transaction = {2};
  const WriteOutcome outcome = Run(session, rows.plan);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(session.statements == 3);
  CHECK(session.outside == 0);
}

TEST_CASE("Without rollback, strategies that may repeat a row write in bulk") {
  const Rows rows = WithoutRollback(100, Conflict::kUpdate);
  FakeSession session;
  session.keeps_all = true;
  CHECK(Run(session, rows.plan).kind == Kind::kCommitted);
  CHECK(session.statements == 1);
  session.bad = {50};
  CHECK(FailedIds(rows, Run(session, rows.plan)) == std::set<int64_t>{50});
  const std::set<int64_t> ids(session.kept.begin(), session.kept.end());
  CHECK(ids.size() == 100);
}

}  // namespace
}  // namespace batchsql::session_test
