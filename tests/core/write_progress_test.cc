#include "tests/core/fake_session.h"

// What a flush commits beside its rows, and what ends one before it keeps refused rows.

namespace batchsql::session_test {
namespace {

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

TEST_CASE("Letters are changed with the rows, and a letter that is gone takes all back") {
  const Rows rows = Ids(4);
  FlushProgress progress;
  progress.letters = {{LetterRow()}, {1, 2}};
  Keeper keeper;
  keeper.changes.added.resize(3);
  FakeSession session;
  session.bad = {1};
  SECTION("as expected") {
    CHECK(Run(session, rows.plan, progress, keeper).kind == Kind::kCommitted);
    CHECK(session.letters_written == 4);
    CHECK(session.letters_replayed == 2);
    CHECK(session.commits == 1);
  }
  SECTION("gone") {
    session.letter_gone = true;
    const WriteOutcome outcome = Run(session, rows.plan, progress, keeper);
    CHECK(outcome.kind == Kind::kLetterGone);
    CHECK(outcome.error.code == kLetterGoneCode);
    CHECK(session.commits == 0);
  }
  SECTION("failed") {
    session.letter_error = {ErrorClass::kPause, "42P01", "no such table"};
    CHECK(Run(session, rows.plan, progress, keeper).error.code == "42P01");
    CHECK(session.commits == 0);
  }
  CHECK_FALSE(session.InTransaction());
  CHECK(session.outside == 0);
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
}  // namespace batchsql::session_test
