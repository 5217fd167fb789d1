#include "core/audit.h"

#include <catch2/catch.hpp>

#include "tests/core/fake_session.h"

namespace batchsql {
namespace {

using Verdict = AuditReport::Verdict;
using session_test::FakeSession;
using session_test::Ids;
using session_test::Keeper;

constexpr AuditRule kExclusive = {Conflict::kInsert, true, true};
constexpr AuditRule kShared = {Conflict::kInsert, false, true};

// Two slots that have committed LSNs 1 to 10 and 13 to 14, without those of one request.
TableContents Sound() {
  TableContents contents;
  contents.slots.push_back({0, 1, {}, 6, 10, 5, 1, {10, 8, 0, 1, 8, {1, 1}}});
  contents.slots.push_back({1, 1, {}, 13, 14, 10, 2, {2, 2, 0, 0, 2, {2, 2}}});
  contents.rows = 10;
  contents.digest = {3, 3};
  return contents;
}

TEST_CASE("A table that holds what was committed is right") {
  const AuditReport report = JudgeContents(Sound(), kExclusive);
  CHECK(report.verdict == Verdict::kOk);
  CHECK(report.findings.empty());
  CHECK(report.digest == AuditReport::Digest::kEqual);
  CHECK(report.ledger.committed == 10);
  CHECK(report.ledger.refused == 1);
  CHECK(report.frontier == 10);
  CHECK(report.missing + report.extra == 0);
}

TEST_CASE("A row that is missing is found, whoever else writes") {
  TableContents contents = Sound();
  contents.rows = 9;
  for (const AuditRule& rule : {kExclusive, kShared}) {
    const AuditReport report = JudgeContents(contents, rule);
    CHECK(report.verdict == Verdict::kMismatch);
    CHECK(report.missing == 1);
  }
}

TEST_CASE("A row too many is wrong only where nobody else writes") {
  TableContents contents = Sound();
  contents.rows = 11;
  CHECK(JudgeContents(contents, kExclusive).verdict == Verdict::kMismatch);
  const AuditReport report = JudgeContents(contents, kShared);
  CHECK(report.verdict == Verdict::kOk);
  CHECK(report.extra == 1);
}

TEST_CASE("Rows of other contents are found unless some were committed before they were digested") {
  TableContents contents = Sound();
  contents.digest.low ^= 1;
  CHECK(JudgeContents(contents, kExclusive).digest == AuditReport::Digest::kDiffers);
  CHECK(JudgeContents(contents, kExclusive).verdict == Verdict::kMismatch);
  CHECK(JudgeContents(contents, kShared).verdict == Verdict::kOk);
  --contents.slots[0].totals.digested;
  CHECK(JudgeContents(contents, kExclusive).digest == AuditReport::Digest::kPartial);
  CHECK(JudgeContents(contents, kExclusive).verdict == Verdict::kOk);
}

TEST_CASE("A range that was committed twice is found in the ledger alone") {
  TableContents contents = Sound();
  contents.slots[1].totals.lsns += 2;
  CHECK(JudgeContents(contents, kShared).verdict == Verdict::kMismatch);
  AuditRule rule = kShared;
  rule.conflict = Conflict::kUpdate;
  CHECK(JudgeContents(contents, rule).verdict == Verdict::kMismatch);
  rule.numbers_all = false;
  CHECK(JudgeContents(contents, rule).verdict == Verdict::kUncounted);
}

TEST_CASE("A table that conflicts change is not counted") {
  TableContents contents = Sound();
  contents.rows = 3;
  const AuditReport report = JudgeContents(contents, {Conflict::kUpdate, false, true});
  CHECK(report.verdict == Verdict::kUncounted);
  CHECK(report.missing + report.extra == 0);
}

TEST_CASE("A pipeline that has committed nothing is right over an empty table") {
  CHECK(JudgeContents(TableContents(), kExclusive).verdict == Verdict::kOk);
}

TEST_CASE("A slot's totals are told with its move, and again where rows were left out") {
  auto rows = Ids(10);
  rows.plan.digest = RowDigester(*rows.schema).OfBlock(rows.block);
  FlushProgress progress;
  progress.slot.before.totals = {100, 90, 5, 5, 90, {1, 1}};
  progress.slot.after.from = 101;
  progress.slot.after.to = 112;
  progress.refused_rows = 2;
  FakeSession session;
  SECTION("none is left out") {}
  SECTION("two are left out") { session.bad = {3, 4}; }
  Keeper keeper;
  REQUIRE(session_test::Run(session, rows.plan, progress, keeper).kind ==
          WriteOutcome::Kind::kCommitted);
  const uint64_t bad = session.bad.size();
  RowDigest digest = {1, 1};
  for (uint32_t row = 0; row < 10; ++row) {
    if (session.bad.contains(row)) continue;
    digest += RowDigester(*rows.schema).OfRow(rows.block, row);
  }
  CHECK(session.totals == SlotTotals{112, 100 - bad, 5, 7 + bad, 100 - bad, digest});
}

TEST_CASE("A write whose totals cannot be told is not committed") {
  auto rows = Ids(10);
  FakeSession session;
  session.bad = {3};
  session.totals_error = {ErrorClass::kRetry, "40001", ""};
  Keeper keeper;
  const WriteOutcome outcome = session_test::Run(session, rows.plan, {}, keeper);
  CHECK(outcome.kind == WriteOutcome::Kind::kNotCommitted);
  CHECK(outcome.error.code == "40001");
  CHECK(session.commits == 0);
  CHECK(session.outside == 0);
}

}  // namespace
}  // namespace batchsql
