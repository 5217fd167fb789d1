#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "executors/shared/letter_table.h"
#include "executors/shared/own_tables.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;

// What somebody with SQL can do to the tables of our own.
class OwnTablesTest : public ContractTest {
 protected:
  OwnTablesTest() {
    table_ = NewTableAB();
    schema_ = Describe(table_);
    REQUIRE(executor().ReadProducers({"", table_}, {}).ok());
    REQUIRE(executor().CountLetters(pipeline()).ok());
  }

  const std::string& table() const { return table_; }
  const TableSchema& schema() const { return *schema_; }

  WriteOutcome WriteId(int64_t id, const FlushProgress& progress) {
    const RowBlock block = Block(*schema_, {{{"id", Value::Int(id)}}});
    return WriteThrough(executor(), PlanWrite(schema_, {&block}), progress);
  }
  void CheckPaused(const FlushProgress& progress) {
    const WriteOutcome outcome = WriteId(1, progress);
    INFO(outcome.error.code << " " << outcome.error.message);
    CHECK(outcome.kind == Kind::kNotCommitted);
    CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kPause));
    CHECK(Count(table_) == 0);
  }

 private:
  std::string table_;
  std::shared_ptr<const TableSchema> schema_;
};

// Another table in the place of one of ours, which comes back at the end.
class Impostor {
 public:
  Impostor(TestDatabase& db, std::string_view name) : db_(db), name_(name) {
    db_.Execute(absl::StrCat("ALTER TABLE ", name_, " RENAME TO ", name_, "_aside"));
    db_.Execute(absl::StrCat("CREATE TABLE ", name_, " (odd INTEGER)"));
  }
  ~Impostor() {
    db_.Execute(absl::StrCat("DROP TABLE ", name_));
    db_.Execute(absl::StrCat("ALTER TABLE ", name_, "_aside RENAME TO ", name_));
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;

 private:
  TestDatabase& db_;
  const std::string name_;
};

TEST_CASE_METHOD(OwnTablesTest, "A watermark's table of another shape asks for a person",
                 "[own-tables]") {
  const SlotMove move = NextMove();
  {
    const Impostor impostor(db(), kWatermarkTable);
    CHECK(absl::IsFailedPrecondition(executor().ReadSlots(pipeline()).status()));
    CHECK(absl::IsFailedPrecondition(executor().Claim(NextClaim())));
    CHECK(absl::IsFailedPrecondition(executor().Resolve(move).status()));
    CHECK(
        absl::IsFailedPrecondition(executor().ReadContents(pipeline(), schema(), false).status()));
    CheckPaused({move, {}});
  }
  CHECK(WriteId(1, {move, {}}).kind == Kind::kCommitted);
}

TEST_CASE_METHOD(OwnTablesTest, "A producers' table of another shape asks for a person",
                 "[own-tables]") {
  {
    const Impostor impostor(db(), kProducersTable);
    CHECK(absl::IsFailedPrecondition(executor().ReadProducers({"", table()}, {"p"}).status()));
    CheckPaused({NextMove(), {{"p", 0, 1}}});
    CheckPaused({NextMove(), {{"p", 1, 2}}});
  }
  CHECK(WriteId(1, {NextMove(), {}}).kind == Kind::kCommitted);
}

TEST_CASE_METHOD(OwnTablesTest, "A letters' table of another shape asks for a person",
                 "[own-tables]") {
  {
    const Impostor impostor(db(), kLettersTable);
    CHECK(absl::IsFailedPrecondition(executor().CountLetters(pipeline()).status()));
    CHECK(absl::IsFailedPrecondition(executor().ReadLetters(pipeline(), {}).status()));
    CHECK(absl::IsFailedPrecondition(executor().PurgeLetters(pipeline(), {}).status()));
    LetterSelection some;
    some.ids = {1, 2};
    CHECK(absl::IsFailedPrecondition(executor().PurgeLetters(pipeline(), some).status()));
    CheckPaused({NextMove(), {}, {{}, {5}}});
    LetterRow letter;
    letter.id = 5;
    CheckPaused({NextMove(), {}, {{letter}, {}}});
  }
  CHECK(WriteId(1, {NextMove(), {}}).kind == Kind::kCommitted);
}

TEST_CASE_METHOD(OwnTablesTest, "Rows that no daemon writes are said to be so", "[own-tables]") {
  const std::string ours = absl::StrCat(" WHERE ", db().OfPipeline(pipeline()));
  SECTION("a slot") {
    db().Execute(absl::StrCat("UPDATE batchsql_watermark SET epoch = -1", ours));
    CHECK(absl::IsFailedPrecondition(executor().ReadSlots(pipeline()).status()));
    CHECK(absl::IsFailedPrecondition(executor().Claim(NextClaim())));
    CHECK(absl::IsFailedPrecondition(executor().Resolve(NextMove()).status()));
    CHECK(
        absl::IsFailedPrecondition(executor().ReadContents(pipeline(), schema(), false).status()));
  }
  SECTION("a slot's totals") {
    db().Execute(absl::StrCat("UPDATE batchsql_watermark SET refused_rows = -1", ours));
    CHECK(absl::IsFailedPrecondition(executor().ReadSlots(pipeline()).status()));
  }
  SECTION("a producer") {
    REQUIRE(WriteId(1, {NextMove(), {{"p", 0, 1}}}).kind == Kind::kCommitted);
    const std::string its = absl::StrCat(" WHERE table_name = '", table(), "'");
    db().Execute(absl::StrCat("UPDATE batchsql_producers SET last_sequence = -1", its));
    CHECK(absl::IsFailedPrecondition(executor().ReadProducers({"", table()}, {"p"}).status()));
    db().Execute(absl::StrCat("DELETE FROM batchsql_producers", its));
  }
  SECTION("a letter") {
    LetterRow letter;
    letter.id = 5;
    letter.reason = RejectReason::kNull;
    REQUIRE(WriteId(1, {NextMove(), {}, {{letter}, {}}}).kind == Kind::kCommitted);
    const auto set = [&](const char* change) {
      db().Execute(absl::StrCat("UPDATE batchsql_dead_letters SET ", change, ours));
    };
    set("time_ms = -1");
    CHECK(absl::IsFailedPrecondition(executor().ReadLetters(pipeline(), {}).status()));
    set("time_ms = 1, reason = 'odd'");
    CHECK(absl::IsFailedPrecondition(executor().ReadLetters(pipeline(), {}).status()));
    CHECK(absl::IsFailedPrecondition(executor().CountLetters(pipeline()).status()));
    set("reason = 'null', bytes = -1");
    CHECK(absl::IsFailedPrecondition(executor().ReadLetters(pipeline(), {}).status()));
    set("bytes = 1, id = -1");
    CHECK(executor().ReadLetters(pipeline(), {})->rows.empty());
    REQUIRE(executor().PurgeLetters(pipeline(), {}).ok());
  }
}

}  // namespace
}  // namespace batchsql::contract
