#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "core/audit.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Verdict = AuditReport::Verdict;

class ContentsTest : public ContractTest {
 protected:
  static Value I(int64_t value) { return Value::Int(value); }

  // As the pipeline of an exclusive table does.
  void WriteDigested(const std::shared_ptr<const TableSchema>& schema,
                     const std::vector<Cells>& rows) {
    const RowBlock block = Block(*schema, rows);
    WritePlan plan = PlanWrite(schema, {&block});
    plan.digest = RowDigester(*schema).OfBlock(block);
    const WriteOutcome outcome = WriteThrough(executor(), plan);
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(outcome.kind == WriteOutcome::Kind::kCommitted);
  }

  AuditReport Audit(const std::string& table, bool exclusive = true) {
    const auto contents = executor().ReadContents(pipeline(), *Describe(table), exclusive);
    INFO(contents.status().ToString());
    REQUIRE(contents.ok());
    CHECK(contents->slots == slots());
    return JudgeContents(*contents, {Conflict::kInsert, exclusive, true});
  }
};

// LSNs of the suite's writes go on by ten, whatever they hold.
TEST_CASE_METHOD(ContentsTest, "The ledger in the slots is what the table holds", "[audit]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  CHECK(Audit(table).verdict == Verdict::kOk);
  WriteDigested(schema, {{{"id", I(1)}, {"a", I(5)}}, {{"id", I(2)}}});
  WriteDigested(schema, {{{"id", I(2)}}, {{"id", I(3)}, {"b", Value::Null()}}});  // one is refused
  const AuditReport report = Audit(table);
  CHECK(report.verdict == Verdict::kOk);
  CHECK(report.digest == AuditReport::Digest::kEqual);
  CHECK(report.rows == 3);
  CHECK(report.ledger.committed == 3);
  CHECK(report.ledger.refused == 1);
  CHECK(report.ledger.lsns == 20);
  CHECK(Audit(table, false).verdict == Verdict::kOk);
}

TEST_CASE_METHOD(ContentsTest, "A row that is gone, one too many, and one that was changed show",
                 "[audit]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  WriteDigested(schema, {{{"id", I(1)}, {"a", I(5)}}, {{"id", I(2)}}});
  SECTION("gone") {
    db().Execute(absl::StrCat("DELETE FROM ", table, " WHERE id = 1"));
    CHECK(Audit(table).missing == 1);
    CHECK(Audit(table, false).verdict == Verdict::kMismatch);
  }
  SECTION("too many") {
    db().Execute(absl::StrCat("INSERT INTO ", table, " (id, a) VALUES (3, 5)"));
    CHECK(Audit(table).extra == 1);
    CHECK(Audit(table, false).verdict == Verdict::kOk);
  }
  SECTION("changed") {
    db().Execute(absl::StrCat("UPDATE ", table, " SET a = 6 WHERE id = 1"));
    CHECK(Audit(table).missing + Audit(table).extra == 0);
  }
  SECTION("two changed places") {
    db().Execute(absl::StrCat("UPDATE ", table, " SET a = CASE id WHEN 2 THEN 5 END"));
  }
  CHECK(Audit(table).digest == AuditReport::Digest::kDiffers);
  CHECK(Audit(table).verdict == Verdict::kMismatch);
}

TEST_CASE_METHOD(ContentsTest, "A column that is added later changes no digest", "[audit]") {
  const std::string table = NewTableAB();
  WriteDigested(Describe(table), {{{"id", I(1)}}});
  db().Execute(absl::StrCat("ALTER TABLE ", table, " ADD COLUMN c ", Sql(ColumnType::kText)));
  WriteDigested(Describe(table), {{{"id", I(2)}, {"c", Value::Text("x")}}});
  CHECK(Audit(table).digest == AuditReport::Digest::kEqual);
}

TEST_CASE_METHOD(ContentsTest, "What a default fills in is not digested", "[audit]") {
  const std::string table =
      NewTableAB(absl::StrCat("d ", Sql(ColumnType::kInt64), " DEFAULT 7, c CHAR(5)"));
  WriteDigested(Describe(table), {{{"id", I(1)}, {"c", Value::Text("ab")}},
                                  {{"id", I(2)}, {"d", I(8)}, {"c", Value::Text("")}}});
  CHECK(Audit(table).digest == AuditReport::Digest::kEqual);
}

TEST_CASE_METHOD(ContentsTest, "NULL and empty values are told apart", "[audit]") {
  const std::string table =
      NewTableAB(absl::StrCat("t ", Sql(ColumnType::kText), ", y ", Sql(ColumnType::kBytes)));
  WriteDigested(Describe(table), {{{"id", I(1)}},
                                  {{"id", I(2)}, {"t", Value::Null()}, {"y", Value::Null()}},
                                  {{"id", I(3)}, {"t", Value::Text("")}, {"y", Value::Bytes("")}}});
  CHECK(Audit(table).digest == AuditReport::Digest::kEqual);
  db().Execute(absl::StrCat("UPDATE ", table, " SET t = '' WHERE id = 2"));
  CHECK(Audit(table).digest == AuditReport::Digest::kDiffers);
}

TEST_CASE_METHOD(ContentsTest, "More rows than are read at once are all read", "[audit]") {
  const std::string table = NewTableAB();
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 12'000; ++id) rows.push_back({{"id", I(id)}});
  WriteDigested(Describe(table), rows);
  CHECK(Audit(table).digest == AuditReport::Digest::kEqual);
  CHECK(Audit(table).rows == 12'000);
}

}  // namespace
}  // namespace batchsql::contract
