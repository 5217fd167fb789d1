#include <catch2/catch.hpp>
#include <chrono>
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/executors/contract_suite.h"
#include "tests/support/tcp_proxy.h"

namespace batchsql::contract {
namespace {

using Cut = TcpProxy::Cut;
using Kind = WriteOutcome::Kind;

Value I(int64_t value) { return Value::Int(value); }

// A proxy between the executor and its server. Without a server (SQLite) the test cases have
// nothing to cut: in-doubt commits of a file are SQLite's own test cases.
class NetworkTest : public ContractTest {
 protected:
  NetworkTest() {
    if (db().port() == 0) return;
    proxy_ = std::make_unique<TcpProxy>(db().port());
    remote_ = db().MakeExecutorAt(proxy_->port());
  }
  ~NetworkTest() { remote_.reset(); }

  bool has_server() const { return proxy_ != nullptr; }
  TcpProxy& proxy() { return *proxy_; }
  Executor& remote() { return *remote_; }

  WriteOutcome WriteRemote(const std::shared_ptr<const TableSchema>& schema,
                           const std::vector<Cells>& rows, const FlushProgress& progress) {
    const RowBlock block = Block(*schema, rows);
    return WriteThrough(remote(), PlanWrite(schema, {&block}), progress);
  }

  // A write that is cut at its COMMIT.
  SlotMove WriteInDoubt(const std::string& table, Cut cut) {
    const auto schema = Describe(table);
    MustWrite(schema, {{{"id", I(0)}}});
    REQUIRE(remote().ReadSlots(pipeline()).ok());
    const SlotMove move = NextMove();
    proxy().CutAtStatement("COMMIT", cut);
    const WriteOutcome outcome =
        WriteRemote(schema, {{{"id", I(0)}}, {{"id", I(1)}}, {{"id", I(2)}}}, {move, {}});
    INFO(outcome.error.code << " " << outcome.error.message);
    REQUIRE(proxy().was_cut());
    REQUIRE(outcome.kind == Kind::kInDoubt);
    CHECK(outcome.failures.size() == 1);
    CHECK_FALSE(remote().connected());
    return move;
  }

  Resolution Resolve(const SlotMove& move) {
    const absl::StatusOr<Resolution> resolution = remote().Resolve(move);
    INFO(resolution.status().ToString());
    REQUIRE(resolution.ok());
    return *resolution;
  }

 private:
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Executor> remote_;
};

TEST_CASE_METHOD(NetworkTest, "A COMMIT that never arrived is resolved as not committed",
                 "[network]") {
  if (!has_server()) return;
  const std::string table = NewTableAB();
  const SlotMove move = WriteInDoubt(table, Cut::kBeforeForwarding);
  CHECK(Resolve(move) == Resolution::kNotCommitted);
  CHECK(Count(table) == 1);
  CHECK(WriteRemote(Describe(table), {{{"id", I(1)}}}, {move, {}}).kind == Kind::kCommitted);
}

TEST_CASE_METHOD(NetworkTest, "A COMMIT whose answer was lost is resolved as committed",
                 "[network]") {
  if (!has_server()) return;
  const std::string table = NewTableAB();
  const SlotMove move = WriteInDoubt(table, Cut::kAfterAnswer);
  CHECK(Resolve(move) == Resolution::kCommitted);
  CHECK(Count(table) == 3);
  CHECK(WriteRemote(Describe(table), {{{"id", I(9)}}}, {move, {}}).kind == Kind::kFenced);
  CHECK(Count(table) == 3);
}

TEST_CASE_METHOD(NetworkTest, "A COMMIT on its way is resolved as what becomes of it",
                 "[network]") {
  if (!has_server()) return;
  for (int round = 0; round < 10; ++round) {
    const std::string table = NewTableAB();
    const SlotMove move = WriteInDoubt(table, Cut::kAfterForwarding);
    const Resolution resolution = Resolve(move);
    CHECK(resolution != Resolution::kFenced);
    CHECK(Count(table) == (resolution == Resolution::kCommitted ? 3 : 1));
    if (resolution == Resolution::kCommitted) slots()[0] = written();
  }
}

TEST_CASE_METHOD(NetworkTest, "A lost session that still holds its slot is ended to resolve it",
                 "[network]") {
  if (!has_server()) return;
  const std::string table = NewTableAB();
  const SlotMove move = WriteInDoubt(table, Cut::kClientOnly);
  const auto start = std::chrono::steady_clock::now();
  CHECK(Resolve(move) == Resolution::kNotCommitted);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(8));
  CHECK(Count(table) == 1);
}

TEST_CASE_METHOD(NetworkTest, "A slot that somebody else holds is not waited for without end",
                 "[network]") {
  if (!has_server()) return;
  const std::string table = NewTableAB();
  const SlotMove move = WriteInDoubt(table, Cut::kClientOnly);
  // Another executor does not know the session.
  CHECK(executor().Claim(NextClaim()).code() == absl::StatusCode::kUnavailable);
  CHECK(Resolve(move) == Resolution::kNotCommitted);
  CHECK(executor().Claim(NextClaim()).ok());
}

// From connecting on, each message of everything that is no flush.
TEST_CASE_METHOD(NetworkTest, "A request that is cut at any step is UNAVAILABLE, and works again",
                 "[network]") {
  if (!has_server()) return;
  const Cut cut = GENERATE(Cut::kBeforeForwarding, Cut::kAfterAnswer);
  const std::string table = NewTableAB();
  const auto schema = Describe(table);
  const std::vector<NewColumn> columns = {{"id", ColumnType::kInt64, true}, {"c"}};
  const std::vector<std::function<absl::Status()>> requests = {
      [&] {
        return remote().Describe({"", table}, {}).status();
      },
      [&] {
        return remote().CreateTable({"", UniqueName()}, columns);
      },
      [&] {
        return remote().AddColumns({"", NewTableAB()}, columns);
      },
      [&] { return remote().ReadSlots(pipeline()).status(); },
      [&] {
        slots() = *executor().ReadSlots(pipeline());
        return remote().Claim(NextClaim());
      },
      [&] {
        return remote().ReadProducers({"", table}, {"p"}).status();
      },
      [&] { return remote().CountLetters(pipeline()).status(); },
      [&] { return remote().ReadLetters(pipeline(), {}).status(); },
      [&] { return remote().PurgeLetters(pipeline(), {}).status(); },
      [&] { return remote().Resolve(NextMove()).status(); },
      [&] { return remote().ReadContents(pipeline(), *schema, true).status(); },
      [&] { return remote().ReadContents(pipeline(), *schema, false).status(); },
  };
  for (size_t request = 0; request < requests.size(); ++request) {
    bool was_cut = true;
    for (uint32_t step = 1; was_cut; ++step) {
      INFO("request " << request << ", step " << step);
      REQUIRE(step < 100);
      remote().Disconnect();  // so that each step counts from the connection's first message
      proxy().CutAtMessage(step, cut);
      const absl::Status status = requests[request]();
      was_cut = proxy().was_cut();
      proxy().Reset();
      INFO(status.ToString());
      // UNKNOWN: the cut was at a COMMIT.
      if (was_cut && !status.ok()) CHECK((absl::IsUnavailable(status) || absl::IsUnknown(status)));
      if (!was_cut) CHECK(status.ok());
    }
  }
}

// From connecting to COMMIT, each message of a flush that isolates a bad row and moves producers.
TEST_CASE_METHOD(NetworkTest, "A flush that is cut at any step is committed whole or not at all",
                 "[network]") {
  if (!has_server()) return;
  const Cut cut = GENERATE(Cut::kBeforeForwarding, Cut::kAfterForwarding, Cut::kAfterAnswer);
  const Conflict conflict = GENERATE(Conflict::kInsert, Conflict::kUpdate);
  const std::string table =
      NewTable(absl::StrCat("id ", Sql(ColumnType::kInt64), " NOT NULL PRIMARY KEY, a ",
                            Sql(ColumnType::kInt64), " CHECK (a > 0)"));
  REQUIRE(executor().ReadProducers({"", table}, {}).ok());
  const auto schema = Describe(table, conflict);
  int64_t rows = 0;
  uint64_t sequence = 0;
  for (uint32_t step = 1;; ++step) {
    INFO("step " << step);
    REQUIRE(step < 100);
    const int64_t id = 10 * static_cast<int64_t>(step);
    const FlushProgress progress{NextMove(step % kSlots), {{"p", sequence, sequence + 1}}};
    proxy().CutAtMessage(step, cut);
    const WriteOutcome outcome = WriteRemote(schema,
                                             {{{"id", I(id)}, {"a", I(1)}},
                                              {{"id", I(id + 1)}, {"a", I(-1)}},
                                              {{"id", I(id + 2)}, {"a", I(1)}}},
                                             progress);
    const bool was_cut = proxy().was_cut();
    proxy().Reset();
    bool committed = outcome.kind == Kind::kCommitted;
    if (outcome.kind == Kind::kInDoubt) {
      committed = Resolve(progress.slot) == Resolution::kCommitted;
      if (committed) slots()[step % kSlots] = written();
    } else if (!committed) {
      INFO(outcome.error.code << " " << outcome.error.message);
      CHECK(outcome.kind == Kind::kNotCommitted);
      CHECK(ErrorClassName(outcome.error.error_class) == ErrorClassName(ErrorClass::kReconnect));
    }
    if (committed) rows += 2, ++sequence;
    CHECK(Count(table) == rows);
    CHECK(*executor().ReadSlots(pipeline()) == slots());
    const auto producers = executor().ReadProducers({"", table}, {"p"});
    REQUIRE(producers.ok());
    CHECK((producers->empty() ? 0 : producers->front().before) == sequence);
    if (!was_cut) {
      CHECK(committed);
      break;
    }
    remote().Disconnect();  // so that each step counts from the connection's first message
  }
  db().Execute(absl::StrCat("DELETE FROM batchsql_producers WHERE table_name = '", table, "'"));
}

}  // namespace
}  // namespace batchsql::contract
