#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "executors/shared/write_session.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Ids = std::vector<uint64_t>;

LetterRow Letter(uint64_t id, RejectReason reason = RejectReason::kConstraint) {
  return {id, LetterState::kLive, 1'000 * id, reason, "größe", "23514", "QUJD"};
}

class LettersTest : public ContractTest {
 protected:
  LettersTest() { REQUIRE(Counts().empty()); }
  ~LettersTest() { static_cast<void>(executor().PurgeLetters(pipeline(), {})); }

  std::vector<LetterCount> Counts() {
    const auto counts = executor().CountLetters(pipeline());
    INFO(counts.status().ToString());
    REQUIRE(counts.ok());
    return *counts;
  }
  LetterPage Read(const LetterQuery& query) {
    absl::StatusOr<LetterPage> page = executor().ReadLetters(pipeline(), query);
    INFO(page.status().ToString());
    REQUIRE(page.ok());
    return *std::move(page);
  }
  Ids ReadIds(const LetterQuery& query) {
    Ids ids;
    for (const LetterRow& row : Read(query).rows) ids.push_back(row.id);
    return ids;
  }
  uint64_t Purge(const LetterSelection& selection) {
    const absl::StatusOr<uint64_t> purged = executor().PurgeLetters(pipeline(), selection);
    INFO(purged.status().ToString());
    REQUIRE(purged.ok());
    return *purged;
  }
  // One row, and the changes with it.
  WriteOutcome WriteId(const std::string& table, int64_t id, LetterChanges changes) {
    const auto schema = Describe(table);
    const RowBlock block = Block(*schema, {{{"id", Value::Int(id)}}});
    return WriteThrough(executor(), PlanWrite(schema, {&block}),
                        {NextMove(), {}, std::move(changes)});
  }
  static LetterQuery All() {
    LetterQuery query;
    query.replayed = true;
    return query;
  }
};

TEST_CASE_METHOD(LettersTest, "Letters are written with their neighbours' transaction, or not",
                 "[letters]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", Value::Int(1)}}});
  keep_changes.added = {Letter(7)};
  const bool commits = GENERATE(true, false);
  const RowBlock block = Block(*schema, {{{"id", Value::Int(1)}}, {{"id", Value::Int(2)}}});
  FlushProgress progress{NextMove(), {}, {{Letter(5), Letter(6, RejectReason::kNull)}, {}}};
  if (!commits) progress.producers = {{"nobody", 7, 8}};
  if (!commits) REQUIRE(executor().ReadProducers({"", table}, {}).ok());
  const WriteOutcome outcome = WriteThrough(executor(), PlanWrite(schema, {&block}), progress);
  CHECK(outcome.kind == (commits ? Kind::kCommitted : Kind::kProducerMoved));
  CHECK(Count(table) == (commits ? 2 : 1));
  CHECK(Read({}).rows ==
        (commits ? std::vector<LetterRow>{Letter(5), Letter(6, RejectReason::kNull), Letter(7)}
                 : std::vector<LetterRow>{}));
}

TEST_CASE_METHOD(LettersTest, "A letter is marked as replayed with its row, once", "[letters]") {
  const std::string table = NewTableAB();
  REQUIRE(WriteId(table, 1, {{Letter(5), Letter(6)}, {}}).kind == Kind::kCommitted);
  REQUIRE(WriteId(table, 2, {{}, {5}}).kind == Kind::kCommitted);
  CHECK(ReadIds({}) == Ids{6});
  CHECK(Read(All()).rows.front().state == LetterState::kReplayed);

  for (const Ids& gone : {Ids{5}, Ids{6, 5}, Ids{6, 99}}) {
    const WriteOutcome outcome = WriteId(table, 3, {{Letter(8)}, gone});
    CHECK(outcome.kind == Kind::kLetterGone);
    CHECK(outcome.error.code == kLetterGoneCode);
  }
  CHECK(Count(table) == 2);
  CHECK(ReadIds(All()) == Ids{5, 6});
  CHECK(Read(All()).rows.back().state == LetterState::kLive);
}

TEST_CASE_METHOD(LettersTest, "Letters are counted, paged and purged", "[letters]") {
  const std::string table = NewTableAB();
  LetterChanges changes;
  for (uint64_t id = 1; id <= 250; ++id) {
    changes.added.push_back(
        Letter(id, id % 2 == 0 ? RejectReason::kNull : RejectReason::kDuplicateKey));
  }
  REQUIRE(WriteId(table, 1, changes).kind == Kind::kCommitted);
  REQUIRE(WriteId(table, 2, {{}, {2, 4}}).kind == Kind::kCommitted);
  uint64_t count = 0;
  for (const LetterCount& one : Counts()) {
    count += one.count;
    CHECK(one.bytes == one.count * Letter(1).bytes());
    CHECK(one.count == (one.state == LetterState::kReplayed         ? 2
                        : one.reason == RejectReason::kDuplicateKey ? 125
                                                                    : 123));
  }
  CHECK(count == 250);

  LetterQuery query;
  query.limit = 2;
  query.after_id = 3;
  LetterPage page = Read(query);
  CHECK((page.more && page.rows.size() == 2 && page.rows[1].id == 6));
  query.reason = RejectReason::kNull;
  query.after_id = 246;
  page = Read(query);
  CHECK((!page.more && page.rows.size() == 2 && page.rows[0].id == 248));
  CHECK(executor().ReadLetters(NewUuid(), All())->rows.empty());

  CHECK(Purge({{}, std::nullopt, true}) == 2);
  CHECK(Purge({{1, 2, 3, 999}, std::nullopt, false}) == 2);
  CHECK(Purge({{}, 10'000, false}) == 5);
  CHECK(Purge({{9, 10, 11}, 11'000, false}) == 1);
  CHECK(Purge({}) == 240);
  CHECK(Counts().empty());
}

TEST_CASE_METHOD(LettersTest, "Large letters make short pages and come back as they were",
                 "[letters]") {
  const std::string table = NewTableAB();
  LetterChanges changes;
  for (uint64_t id = 1; id <= 5; ++id) {
    changes.added.push_back(Letter(id));
    changes.added.back().letter = std::string(5'000'000 + id, static_cast<char>('a' + id));
  }
  REQUIRE(WriteId(table, 1, changes).kind == Kind::kCommitted);
  const LetterPage page = Read({});
  CHECK(page.more);
  REQUIRE(page.rows.size() == 4);
  for (size_t i = 0; i < page.rows.size(); ++i) CHECK((page.rows[i] == changes.added[i]));
}

TEST_CASE_METHOD(LettersTest, "A letters' table that is gone pauses, and counting makes it again",
                 "[letters]") {
  const std::string table = NewTableAB();
  db().Execute("DROP TABLE batchsql_dead_letters");
  const WriteOutcome outcome = WriteId(table, 1, {{Letter(5)}, {}});
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(Count(table) == 0);
  CHECK(Counts().empty());
  CHECK(WriteId(table, 1, {{Letter(5)}, {}}).kind == Kind::kCommitted);
}

TEST_CASE_METHOD(LettersTest, "Rows that are not of our making are said to be so", "[letters]") {
  const std::string table = NewTableAB();
  REQUIRE(WriteId(table, 1, {{Letter(5)}, {}}).kind == Kind::kCommitted);
  db().Execute(absl::StrCat("UPDATE batchsql_dead_letters SET state = 'odd' WHERE ",
                            db().OfPipeline(pipeline())));
  CHECK(absl::IsFailedPrecondition(executor().CountLetters(pipeline()).status()));
  CHECK(absl::IsFailedPrecondition(executor().ReadLetters(pipeline(), All()).status()));
}

}  // namespace
}  // namespace batchsql::contract
