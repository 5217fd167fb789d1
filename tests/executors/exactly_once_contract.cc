#include <catch2/catch.hpp>
#include <future>

#include "absl/strings/str_cat.h"
#include "executors/shared/write_session.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

using Kind = WriteOutcome::Kind;
using Moves = std::vector<ProducerMove>;

Value I(int64_t value) { return Value::Int(value); }

class ExactlyOnceTest : public ContractTest {
 protected:
  std::vector<SlotRow> ReadSlots() {
    const absl::StatusOr<std::vector<SlotRow>> rows = executor().ReadSlots(pipeline());
    INFO(rows.status().ToString());
    REQUIRE(rows.ok());
    return *rows;
  }

  WriteOutcome WriteId(const std::string& table, int64_t id, const FlushProgress& progress) {
    const auto schema = Describe(table);
    const RowBlock block = Block(*schema, {{{"id", I(id)}}});
    return WriteThrough(executor(), PlanWrite(schema, {&block}), progress);
  }

  // The last sequences, by producer, as the database has them.
  std::map<std::string, uint64_t> ReadProducers(const std::string& table,
                                                const std::vector<std::string>& ids) {
    const auto read = executor().ReadProducers({"", table}, ids);
    INFO(read.status().ToString());
    REQUIRE(read.ok());
    std::map<std::string, uint64_t> sequences;
    for (const ProducerMove& move : *read) sequences[move.producer_id] = move.before;
    return sequences;
  }

  void CheckFenced(const std::string& table, const SlotMove& move) {
    const WriteOutcome outcome = WriteId(table, 99, {move, {}});
    CHECK(outcome.kind == Kind::kFenced);
    CHECK(outcome.error.code == kFencedCode);
    CHECK(Count(table) == 0);
    CHECK(ReadSlots() == slots());
  }

  Resolution Resolve(const SlotMove& move) {
    const absl::StatusOr<Resolution> resolution = executor().Resolve(move);
    INFO(resolution.status().ToString());
    REQUIRE(resolution.ok());
    return *resolution;
  }
};

TEST_CASE_METHOD(ExactlyOnceTest, "A pipeline that never claimed has no slots", "[exactly-once]") {
  const auto rows = executor().ReadSlots(NewUuid());
  REQUIRE(rows.ok());
  CHECK(rows->empty());
}

TEST_CASE_METHOD(ExactlyOnceTest, "A committed write moves its slot and no other",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  REQUIRE(ReadSlots() == slots());
  const SlotMove move = NextMove(1);
  CHECK(WriteId(table, 1, {move, {}}).kind == Kind::kCommitted);
  const std::vector<SlotRow> rows = ReadSlots();
  REQUIRE(rows.size() == kSlots);
  CHECK(rows[1].to == move.after.to);
  CHECK(rows == slots());
  CHECK(Count(table) == 1);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A plan without rows moves its slot", "[exactly-once]") {
  const WritePlan plan;
  CHECK(WriteThrough(executor(), plan).kind == Kind::kCommitted);
  CHECK(slots()[0].to > 0);
  CHECK(ReadSlots() == slots());
}

TEST_CASE_METHOD(ExactlyOnceTest, "A write whose slot is not as expected writes no row",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  SlotMove move = NextMove();
  SECTION("epoch") { ++move.before.epoch; }
  SECTION("token") { move.before.token[15] ^= 1; }
  SECTION("range's begin") { ++move.before.from; }
  SECTION("range's end") { ++move.before.to; }
  SECTION("slot") { move.before.slot = kSlots; }
  SECTION("pipeline") { move.pipeline = NewUuid(); }
  CheckFenced(table, move);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A write writes no row where another slot is below its floor",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  REQUIRE(WriteThrough(executor(), {}, {NextMove(1), {}}).kind == Kind::kCommitted);
  const Lsn last = slots()[1].to;
  SlotMove move = NextMove();
  SECTION("one") { move.floors = {{1, last + 1}}; }
  SECTION("one that never moved") { move.floors = {{2, 1}}; }
  SECTION("one of several") { move.floors = {{1, last}, {2, 1}}; }
  SECTION("no such slot") { move.floors = {{1, last}, {kSlots, 1}}; }
  CheckFenced(table, move);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A write commits where the other slots are at or above theirs",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  REQUIRE(WriteThrough(executor(), {}, {NextMove(1), {}}).kind == Kind::kCommitted);
  REQUIRE(WriteThrough(executor(), {}, {NextMove(2), {}}).kind == Kind::kCommitted);
  SlotMove move = NextMove();
  move.floors = {{1, slots()[1].to - 1}, {2, slots()[2].to}};
  CHECK(WriteId(table, 1, {move, {}}).kind == Kind::kCommitted);
  CHECK(Count(table) == 1);
  CHECK(ReadSlots() == slots());
}

TEST_CASE_METHOD(ExactlyOnceTest, "Flushes that look at each other's slots do not wait or fence",
                 "[exactly-once]") {
  if (db().port() == 0) return;  // one writer at a time
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}}});
  REQUIRE(WriteThrough(executor(), {}, {NextMove(1), {}}).kind == Kind::kCommitted);
  const auto other = db().MakeExecutor();
  const std::string other_table = NewTableAB();
  const auto other_schema = Describe(other_table);
  const RowBlock inner_row = Block(*other_schema, {{{"id", I(3)}}});
  SlotMove inner = NextMove(1);
  inner.floors = {{0, slots()[0].to}};
  Kind inner_kind = Kind::kInDoubt;
  on_keep = [&] {  // within the outer transaction
    inner_kind = WriteThrough(*other, PlanWrite(other_schema, {&inner_row}), {inner, {}}).kind;
    return absl::OkStatus();
  };
  SlotMove outer = NextMove();
  outer.floors = {{1, slots()[1].to}};
  outer.after.from = inner.after.to + 1;
  outer.after.to = inner.after.to + 10;
  const RowBlock rows = Block(*schema, {{{"id", I(1)}}, {{"id", I(2)}}});
  CHECK(WriteThrough(executor(), PlanWrite(schema, {&rows}), {outer, {}}).kind == Kind::kCommitted);
  CHECK(inner_kind == Kind::kCommitted);
  CHECK(Count(table) == 2);
  CHECK(Count(other_table) == 1);
  CHECK(ReadSlots() == slots());
}

TEST_CASE_METHOD(ExactlyOnceTest, "The same range is not committed twice", "[exactly-once]") {
  const std::string table = NewTableAB();
  const SlotMove move = NextMove();
  REQUIRE(WriteId(table, 1, {move, {}}).kind == Kind::kCommitted);
  CHECK(WriteId(table, 2, {move, {}}).kind == Kind::kFenced);
  CHECK(Count(table) == 1);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A write that isolates bad rows moves its slot once",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}}});
  const WriteOutcome outcome = Write(schema, {{{"id", I(1)}}, {{"id", I(2)}}});
  CHECK(outcome.kind == Kind::kCommitted);
  CHECK(outcome.failures.size() == 1);
  CHECK(ReadSlots() == slots());
}

TEST_CASE_METHOD(ExactlyOnceTest, "A claim raises every slot, adds some, and fences the older",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  REQUIRE(WriteId(table, 1, {NextMove(2), {}}).kind == Kind::kCommitted);
  const SlotMove old_move = NextMove(0);
  SlotClaim claim = NextClaim();
  claim.slots = kSlots + 2;
  REQUIRE(db().MakeExecutor()->Claim(claim).ok());

  std::vector<SlotRow> expected = slots();
  for (uint32_t slot = kSlots; slot < claim.slots; ++slot) expected.push_back({slot});
  for (SlotRow& row : expected) {
    row.epoch = claim.epoch;
    row.token = claim.token;
  }
  CHECK(ReadSlots() == expected);
  slots() = expected;
  CHECK(WriteId(table, 2, {old_move, {}}).kind == Kind::kFenced);
  CHECK(WriteId(table, 3, {NextMove(kSlots), {}}).kind == Kind::kCommitted);
  CHECK(Count(table) == 2);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A claim of fewer slots keeps and raises the others",
                 "[exactly-once]") {
  SlotClaim claim = NextClaim();
  claim.slots = 1;
  REQUIRE(executor().Claim(claim).ok());
  const std::vector<SlotRow> rows = ReadSlots();
  REQUIRE(rows.size() == kSlots);
  for (const SlotRow& row : rows) CHECK(row.token == claim.token);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A claim with another picture of the slots changes nothing",
                 "[exactly-once]") {
  SlotClaim claim = NextClaim();
  SECTION("another epoch") { ++claim.expected[0].epoch; }
  SECTION("another range") { ++claim.expected[1].to; }
  SECTION("a slot less") { claim.expected.pop_back(); }
  SECTION("none") { claim.expected.clear(); }
  const absl::Status status = executor().Claim(claim);
  CHECK(status.code() == absl::StatusCode::kAborted);
  CHECK(ReadSlots() == slots());
}

// With and without rows that could be locked.
TEST_CASE_METHOD(ExactlyOnceTest, "Of claims at the same time exactly one wins", "[exactly-once]") {
  const bool is_new = GENERATE(true, false);
  for (int round = 0; round < 5; ++round) {
    const Uuid id = is_new ? NewUuid() : pipeline();
    const std::vector<SlotRow> expected = is_new ? std::vector<SlotRow>() : slots();
    const uint64_t epoch = expected.empty() ? 1 : expected[0].epoch + 1;
    std::vector<Uuid> tokens;
    std::vector<std::future<absl::Status>> claims;
    for (int i = 0; i < 3; ++i) {
      tokens.push_back(NewUuid());
      claims.push_back(std::async(
          std::launch::async,
          [executor = db().MakeExecutor(), claim = SlotClaim{id, expected, 8, epoch, tokens[i]}] {
            return executor->Claim(claim);
          }));
    }
    int winner = -1;
    for (int i = 0; i < 3; ++i) {
      const absl::Status status = claims[i].get();
      INFO(status.ToString());
      CHECK((status.ok() || absl::IsAborted(status)));
      CHECK((winner < 0 || !status.ok()));
      if (status.ok()) winner = i;
    }
    REQUIRE(winner >= 0);
    const auto rows = executor().ReadSlots(id);
    REQUIRE(rows.ok());
    CHECK(rows->size() == 8);
    for (const SlotRow& row : *rows) CHECK(row.token == tokens[winner]);
    if (!is_new) slots() = *rows;
    if (is_new)
      db().Execute(absl::StrCat("DELETE FROM batchsql_watermark WHERE ", db().OfPipeline(id)));
  }
}

TEST_CASE_METHOD(ExactlyOnceTest, "A claim waits for a flush that is under way, and then loses",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}}});
  const SlotClaim claim = NextClaim();
  std::future<absl::Status> claimed;
  on_keep = [&] {  // within the transaction
    claimed = std::async(std::launch::async, [executor = db().MakeExecutor(), claim] {
      return executor->Claim(claim);
    });
    return absl::OkStatus();
  };
  CHECK(Write(schema, {{{"id", I(1)}}, {{"id", I(2)}}}).kind == Kind::kCommitted);
  CHECK(claimed.get().code() == absl::StatusCode::kAborted);
  CHECK(ReadSlots() == slots());
}

TEST_CASE_METHOD(ExactlyOnceTest, "Resolving tells on which side of a move the slot is",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const SlotMove move = NextMove();
  CHECK(Resolve(move) == Resolution::kNotCommitted);
  REQUIRE(WriteId(table, 1, {move, {}}).kind == Kind::kCommitted);
  CHECK(Resolve(move) == Resolution::kCommitted);

  SlotMove other = move;  // another attempt at the same range
  ++other.after.attempt;
  CHECK(Resolve(other) == Resolution::kFenced);
  other = move;
  other.before.slot = other.after.slot = 1'000;
  CHECK(Resolve(other) == Resolution::kFenced);

  const SlotMove next = NextMove();
  REQUIRE(executor().Claim(NextClaim()).ok());
  CHECK(Resolve(next) == Resolution::kFenced);
  CHECK(Resolve(move) == Resolution::kFenced);
}

TEST_CASE_METHOD(ExactlyOnceTest, "Refused rows are kept before the commit, or nothing is",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}}});
  int64_t seen = -1;
  on_keep = [&] {
    seen = Count(table);
    return absl::ResourceExhaustedError("full");
  };
  const std::vector<Cells> rows = {{{"id", I(1)}}, {{"id", I(2)}}};
  const WriteOutcome outcome = Write(schema, rows);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(outcome.error.code == kDeadLettersCode);
  CHECK(seen == 1);
  CHECK(Count(table) == 1);
  CHECK(ReadSlots() == slots());

  on_keep = [] { return absl::OkStatus(); };
  CHECK(Write(schema, rows).kind == Kind::kCommitted);
  CHECK(Count(table) == 2);
}

TEST_CASE_METHOD(ExactlyOnceTest, "A flood of bad rows pauses and writes nothing",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 2'000; ++id) rows.push_back({{"id", I(id)}});
  MustWrite(schema, rows);
  for (int64_t id = 2'000; id < 2'500; ++id) rows.push_back({{"id", I(id)}});
  on_keep = [] { return absl::InternalError("nothing is to be kept"); };
  const WriteOutcome outcome = Write(schema, rows);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(outcome.error.code == kRowFloodCode);
  CHECK(Count(table) == 2'000);
  CHECK(ReadSlots() == slots());
}

TEST_CASE_METHOD(ExactlyOnceTest, "A column that became NOT NULL is a changed schema",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const std::string integer = Sql(ColumnType::kInt64);
  db().Execute(absl::StrCat("DROP TABLE ", table));
  db().Execute(absl::StrCat("CREATE TABLE ", table, " (id ", integer, " NOT NULL PRIMARY KEY, a ",
                            integer, " NOT NULL, b ", integer, ")"));
  std::vector<Cells> rows;
  for (int64_t id = 0; id < 220; ++id) {
    rows.push_back({{"id", I(id)}, {"a", id % 2 == 0 ? Value::Null() : I(1)}});
  }
  on_keep = [] { return absl::InternalError("nothing is to be kept"); };
  const WriteOutcome outcome = Write(schema, rows);
  INFO(outcome.error.code);
  CHECK(outcome.kind == Kind::kNotCommitted);
  CHECK(outcome.error.error_class == ErrorClass::kPause);
  CHECK(outcome.error.code == kSchemaDriftCode);
  CHECK(Count(table) == 0);
}

TEST_CASE_METHOD(ExactlyOnceTest, "Producers move with their rows, by compare-and-set",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const std::string strange = absl::StrCat("gr\xc3\xbc\xc3\x9f", "e 'x' \"y\" \\z");
  const std::vector<std::string> ids = {"p", "p ", "P", strange, "unknown"};
  CHECK(ReadProducers(table, ids).empty());
  Moves moves;
  for (size_t i = 0; i < 4; ++i) moves.push_back({ids[i], 0, i + 1});
  REQUIRE(WriteId(table, 1, {NextMove(), moves}).kind == Kind::kCommitted);
  CHECK(ReadProducers(table, ids) ==
        std::map<std::string, uint64_t>{{ids[0], 1}, {ids[1], 2}, {ids[2], 3}, {ids[3], 4}});

  // One of several is not as expected: none moves, no row is written, the slot stays.
  const ProducerMove good = {ids[0], 1, 10};
  for (const ProducerMove& bad : Moves{{ids[1], 1, 3}, {ids[1], 0, 3}, {"unknown", 7, 8}}) {
    const WriteOutcome outcome = WriteId(table, 2, {NextMove(), {good, bad}});
    CHECK(outcome.kind == Kind::kProducerMoved);
    CHECK(outcome.error.code == kProducerMovedCode);
  }
  CHECK(Count(table) == 1);
  CHECK(ReadSlots() == slots());
  CHECK(ReadProducers(table, {ids[0]})[ids[0]] == 1);

  const Moves mixed = {good, {"unknown", 0, INT64_MAX}, {ids[2], 3, 4}};
  REQUIRE(WriteId(table, 2, {NextMove(), mixed}).kind == Kind::kCommitted);
  CHECK(ReadProducers(table, ids)[ids[0]] == 10);
  CHECK(ReadProducers(table, ids)["unknown"] == INT64_MAX);
  CHECK(ReadProducers(NewTableAB(), ids).empty());
  db().Execute(absl::StrCat("DELETE FROM batchsql_producers WHERE table_name = '", table, "'"));
}

TEST_CASE_METHOD(ExactlyOnceTest, "A thousand producers move in one flush", "[exactly-once]") {
  const std::string table = NewTableAB();
  std::vector<std::string> ids;
  Moves moves;
  for (int i = 0; i < 1'000; ++i) {
    ids.push_back(absl::StrCat("producer-", i));
    moves.push_back({ids.back(), 0, 5});
  }
  CHECK(ReadProducers(table, ids).empty());
  REQUIRE(WriteId(table, 1, {NextMove(), moves}).kind == Kind::kCommitted);
  for (ProducerMove& move : moves) move.before = 5, move.after = 6;
  REQUIRE(WriteId(table, 2, {NextMove(), moves}).kind == Kind::kCommitted);
  const auto read = ReadProducers(table, ids);
  CHECK(read.size() == 1'000);
  for (const auto& [id, sequence] : read) CHECK(sequence == 6);
  db().Execute(absl::StrCat("DELETE FROM batchsql_producers WHERE table_name = '", table, "'"));
}

TEST_CASE_METHOD(ExactlyOnceTest, "A session that is killed before its commit commits nothing",
                 "[exactly-once]") {
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  MustWrite(schema, {{{"id", I(1)}}});
  bool killed = false;
  on_keep = [&] {
    killed = db().KillConnections();
    return absl::OkStatus();
  };
  const SlotMove move = NextMove();
  const RowBlock block = Block(*schema, {{{"id", I(1)}}, {{"id", I(2)}}});
  const WriteOutcome outcome = WriteThrough(executor(), PlanWrite(schema, {&block}), {move, {}});
  if (!killed) return;  // there is no server
  REQUIRE(outcome.kind == Kind::kInDoubt);
  CHECK(outcome.failures.size() == 1);
  CHECK_FALSE(executor().connected());
  CHECK(Resolve(move) == Resolution::kNotCommitted);
  CHECK(Count(table) == 1);
  on_keep = [] { return absl::OkStatus(); };
  CHECK(Write(schema, {{{"id", I(1)}}, {{"id", I(2)}}}).kind == Kind::kCommitted);
}

}  // namespace
}  // namespace batchsql::contract
