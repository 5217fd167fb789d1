#include "server/http/rows_writer.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/budget.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/receipt.h"
#include "core/target.h"
#include "server/http/endpoints.h"
#include "server/http/http_server.h"
#include "tests/server/http/http_client.h"

namespace batchsql {
namespace {

// What the fake database holds and how it behaves; outlives its executors.
struct Database {
  Mutex mutex;
  CondVar changed;
  bool has_table ABSL_GUARDED_BY(mutex) = false;
  bool reachable ABSL_GUARDED_BY(mutex) = true;
  bool holds_writes ABSL_GUARDED_BY(mutex) = false;  // until it is cleared
  std::vector<Column> columns ABSL_GUARDED_BY(mutex);
  std::vector<int64_t> rows ABSL_GUARDED_BY(mutex);  // values of column `id`
  int64_t refused_id ABSL_GUARDED_BY(mutex) = -1;    // a row that violates a constraint
};

class FakeExecutor : public Executor {
 public:
  explicit FakeExecutor(Database& database) : database_(database) {}

  absl::StatusOr<TableSchema> Describe(const TableName& name, const WriteRule& rule) override {
    MutexLock lock(database_.mutex);
    if (!database_.reachable) return absl::UnavailableError("the database is away");
    if (!database_.has_table || name.name == "missing") return absl::NotFoundError("no such table");
    return TableSchema::Create(name, database_.columns, {}, {}, rule);
  }

  absl::Status CreateTable(const TableName&, absl::Span<const NewColumn> columns) override {
    MutexLock lock(database_.mutex);
    database_.has_table = true;
    for (const NewColumn& column : columns) {
      database_.columns.emplace_back().name = column.name;
      database_.columns.back().type = column.type;
    }
    return absl::OkStatus();
  }

  absl::Status AddColumns(const TableName&, absl::Span<const NewColumn>) override {
    return absl::UnimplementedError("not in this test");
  }

  // Nobody else claims, and no commit is in doubt.
  absl::StatusOr<std::vector<SlotRow>> ReadSlots(const Uuid&) override {
    return std::vector<SlotRow>();
  }
  absl::Status Claim(const SlotClaim&) override { return absl::OkStatus(); }
  absl::StatusOr<TableContents> ReadContents(const Uuid&, const TableSchema&, bool) override {
    return absl::UnimplementedError("not in this test");
  }
  absl::StatusOr<Resolution> Resolve(const SlotMove&) override { return Resolution::kCommitted; }
  absl::StatusOr<std::vector<ProducerMove>> ReadProducers(const TableName&,
                                                          absl::Span<const std::string>) override {
    return std::vector<ProducerMove>();
  }

  absl::StatusOr<std::vector<LetterCount>> CountLetters(const Uuid&) override {
    return std::vector<LetterCount>();
  }
  absl::StatusOr<LetterPage> ReadLetters(const Uuid&, const LetterQuery&) override {
    return LetterPage();
  }
  absl::StatusOr<uint64_t> PurgeLetters(const Uuid&, const LetterSelection&) override { return 0; }

  WriteOutcome Write(const WritePlan& plan, const FlushProgress&, KeepFailures) override {
    MutexLock lock(database_.mutex);
    while (database_.holds_writes) database_.changed.Wait(database_.mutex);
    WriteOutcome outcome;
    outcome.kind = WriteOutcome::Kind::kCommitted;
    for (const WriteGroup& group : plan.groups) {
      for (const RowRange& range : group.rows) {
        for (uint32_t row = range.begin; row < range.end; ++row) {
          WriteRow(plan, {range.block, row}, &outcome);
        }
      }
    }
    return outcome;
  }

  bool connected() const override { return true; }
  void Disconnect() override {}

 private:
  void WriteRow(const WritePlan& plan, RowRef ref, WriteOutcome* outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_.mutex) {
    ColumnView id;
    if (!plan.blocks[ref.block]->FindColumn(0, &id)) return;
    if (id.i64(ref.row) != database_.refused_id) {
      database_.rows.push_back(id.i64(ref.row));
      return;
    }
    outcome->failures.push_back(
        {ref, {ErrorClass::kRow, "23514", "", RejectReason::kConstraint, "id"}});
  }

  Database& database_;
};

Ingestor::TableRule Rule(std::string label, bool create_missing) {
  Ingestor::TableRule rule;
  rule.target = "main";
  rule.options.table.name = label;
  rule.options.label = std::move(label);
  rule.options.create_missing = create_missing;
  rule.options.batch.linger = std::chrono::milliseconds(1);
  return rule;
}

// The way from the socket to the executor, with nothing left out between.
class Daemon {
 public:
  explicit Daemon(RowsWriter::Options options = {}, uint64_t budget_bytes = 1 << 20,
                  const RequestLimits& limits = {})
      : limits_(limits), budget_(budget_bytes), metrics_({}, &clock_) {
    std::vector<std::unique_ptr<Target>> targets;
    targets.push_back(std::make_unique<Target>(
        "main", "sqlite", 1, [this] { return std::make_unique<FakeExecutor>(database); }));
    Ingestor::Options tables;
    tables.rules.tables = {Rule("made", true), Rule("missing", false)};
    ingestor_ = std::make_unique<Ingestor>(
        std::move(tables), std::move(targets),
        Ingestor::Resources{Env::System(), &disk_, &budget_, &metrics_, &clock_});
    writer_ = std::make_unique<RowsWriter>(options, limits_, *ingestor_);
    HttpEndpoints endpoints;
    endpoints.metrics = [this] { return metrics_.Expose(); };
    endpoints.readiness = [] { return absl::OkStatus(); };
    endpoints.write_rows = [this](RowsRequest r) { return writer_->Write(std::move(r)); };
    HttpServerOptions http;
    http.listen.port = 0;
    auto server = HttpServer::Start(std::move(http), MakeRoutes(std::move(endpoints)));
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }

  ~Daemon() {
    server_->Stop();
    ingestor_->Drain(clock_.Now() + std::chrono::seconds(10));
    CHECK(Receipt::abandoned_total() == 0);
    CHECK(budget_.used_bytes() == 0);
  }

  ClientResponse Post(std::string_view table, std::string_view body, std::string_view ack = "") {
    HttpClient client(server_->port());
    return client.Exchange(absl::StrCat(
        "POST /v1/tables/", std::string(table), "/rows", std::string(ack),
        " HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\nContent-Length: ",
        body.size(), "\r\n\r\n", std::string(body)));
  }

  std::vector<int64_t> Rows() {
    MutexLock lock(database.mutex);
    return database.rows;
  }

  Budget& budget() { return budget_; }
  Ingestor& ingestor() { return *ingestor_; }
  Clock& clock() { return clock_; }

  Database database;

 private:
  SystemClock clock_;
  const LiveLimits limits_;
  Budget budget_;
  DiskBudget disk_{0};
  Metrics metrics_;
  std::unique_ptr<Ingestor> ingestor_;
  std::unique_ptr<RowsWriter> writer_;
  std::unique_ptr<HttpServer> server_;
};

TEST_CASE("Rows over HTTP make their table and are committed when the answer comes") {
  Daemon daemon;
  const ClientResponse response = daemon.Post("made", "{\"id\":1}\n{\"id\":2}\n");
  CHECK(response.status == 200);
  CHECK(response.body == "{\"accepted\":2,\"rejected\":[]}\n");
  CHECK(daemon.Rows() == std::vector<int64_t>{1, 2});
  CHECK(daemon.Post("main%2Fmade", "{\"id\":3}").status == 200);
  CHECK(daemon.Rows().size() == 3);
}

TEST_CASE("Rows over HTTP are refused by index, by the daemon and by the database") {
  Daemon daemon;
  {
    MutexLock lock(daemon.database.mutex);
    daemon.database.refused_id = 2;
  }
  REQUIRE(daemon.Post("made", "{\"id\":1}").status == 200);
  const ClientResponse response =
      daemon.Post("made", "{\"id\":2}\n{\"id\":\"secret\"}\n{\"no\":4}\n{\"id\":2}\n{\"id\":6}\n");
  CHECK(response.status == 200);
  CHECK(response.body ==
        "{\"accepted\":1,\"rejected\":["
        "{\"row\":0,\"field\":\"id\",\"reason\":\"constraint\",\"detail\":\"the database refused "
        "the row: 23514\"},"
        "{\"row\":1,\"field\":\"id\",\"reason\":\"wrong_type\","
        "\"detail\":\"column takes int64, got text\"},"
        "{\"row\":2,\"field\":\"no\",\"reason\":\"unknown_column\","
        "\"detail\":\"the table has no such column\"},"
        "{\"row\":3,\"field\":\"id\",\"reason\":\"constraint\",\"detail\":\"the database refused "
        "the row: 23514\"}]}\n");
  CHECK(daemon.Rows() == std::vector<int64_t>{1, 6});
}

TEST_CASE("Rows over HTTP at level memory are answered before the database has them") {
  Daemon daemon;
  REQUIRE(daemon.Post("made", "{\"id\":1}").status == 200);
  {
    MutexLock lock(daemon.database.mutex);
    daemon.database.holds_writes = true;
  }
  CHECK(daemon.Post("made", "{\"id\":2}", "?ack=memory").body ==
        "{\"accepted\":1,\"rejected\":[]}\n");
  MutexLock lock(daemon.database.mutex);
  CHECK(daemon.database.rows == std::vector<int64_t>{1});
  daemon.database.holds_writes = false;
  daemon.database.changed.NotifyAll();
}

TEST_CASE("Rows over HTTP that take too long are answered with a warning") {
  RowsWriter::Options options;
  options.wait_max = std::chrono::milliseconds(50);
  Daemon daemon(options);
  {
    MutexLock lock(daemon.database.mutex);
    daemon.database.holds_writes = true;
  }
  const ClientResponse response = daemon.Post("made", "{\"id\":1}");
  CHECK(response.status == 504);
  CHECK_THAT(response.body, Catch::Contains("the rows may still be written"));
  MutexLock lock(daemon.database.mutex);
  daemon.database.holds_writes = false;
  daemon.database.changed.NotifyAll();
}

TEST_CASE("Requests over HTTP are refused as a whole with the API's codes") {
  RequestLimits limits;
  limits.request_rows_max = 2;
  Daemon daemon({}, 1 << 20, limits);
  REQUIRE(daemon.Post("made", "{\"id\":1}").status == 200);
  CHECK(daemon.Post("nowhere", "{\"id\":1}").status == 404);
  CHECK(daemon.Post("missing", "{\"id\":1}").status == 404);
  CHECK(daemon.Post("made", "").status == 400);
  CHECK(daemon.Post("made", "{\"id\":1").status == 400);
  CHECK(daemon.Post("made", "[1]").status == 400);
  const ClientResponse many = daemon.Post("made", "{}\n{}\n{}\n");
  CHECK(many.status == 413);
  CHECK_THAT(many.body, Catch::Contains("limits.request_rows_max (2)"));
  CHECK(daemon.Rows() == std::vector<int64_t>{1});
}

TEST_CASE("Rows over HTTP are told to come back when the memory budget is used up") {
  Daemon daemon({}, 100);
  REQUIRE(daemon.Post("made", "{\"id\":1}").status == 200);
  const auto taken = daemon.budget().TryReserve(100);
  REQUIRE(taken.has_value());
  const ClientResponse response = daemon.Post("made", "{\"id\":2}");
  CHECK(response.status == 429);
  CHECK(response.headers.count("retry-after") == 1);
}

TEST_CASE("Rows over HTTP are told that the database is away, or that the daemon stops") {
  Daemon daemon;
  {
    MutexLock lock(daemon.database.mutex);
    daemon.database.reachable = false;
  }
  const ClientResponse away = daemon.Post("made", "{\"id\":1}");
  CHECK(away.status == 503);
  CHECK(away.headers.count("retry-after") == 1);
  {
    MutexLock lock(daemon.database.mutex);
    daemon.database.reachable = true;
  }
  CHECK(daemon.Post("made", "{\"id\":1}").status == 200);
  daemon.ingestor().Drain(daemon.clock().Now() + std::chrono::seconds(10));
  CHECK(daemon.Post("made", "{\"id\":1}").status == 503);
}

}  // namespace
}  // namespace batchsql
