// Ingestor::Apply: tables come, go and change while they are served.

#include <catch2/catch.hpp>
#include <thread>

#include "core/ingestor.h"
#include "tests/core/pipeline_fixture.h"
#include "tests/support/faulty_env.h"

namespace batchsql {
namespace {

using absl::StatusCode;

constexpr Duration kLong = std::chrono::hours(1);

class ApplyTest {
 protected:
  // Table `events`, with a journal, whose batches only close when somebody asks for it.
  ApplyTest() {
    for (const char* folder : {"data", "data/journal"}) REQUIRE(env.MakeDirectory(folder).ok());
    rules = {{Rule("events")}, std::nullopt, 10};
    Start(&metrics);
  }
  ~ApplyTest() { database.Release(); }

  void Start(Metrics* its_metrics) {
    Ingestor::Options options;
    options.rules = rules;
    options.journal_root = "data/journal";
    std::vector<std::unique_ptr<Target>> targets;
    targets.push_back(
        std::make_unique<Target>("one", "fake", 2, [this] { return database.MakeExecutor(); }));
    ingestor =
        std::make_unique<Ingestor>(std::move(options), std::move(targets),
                                   Ingestor::Resources{&env, &disk, &budget, its_metrics, &clock});
  }

  // A daemon that finds this row in the journal of `events`.
  void StartWithRowLeft(int64_t id) {
    database.Hold();
    database.ThenFail(ErrorClass::kRetry);
    REQUIRE(Submit(Opened("events"), id).ok());
    clock.Advance(2 * kLong);
    database.AwaitHeld(1);
    std::thread drain([this] { ingestor->Drain(clock.Now()); });
    database.Release();
    drain.join();
    ingestor.reset();
    Start(&later_metrics);
  }

  static Ingestor::TableRule Rule(const std::string& table) {
    Ingestor::TableRule rule;
    rule.target = "one";
    rule.options.label = table;
    rule.options.table.name = table;
    rule.options.batch = {10, 1'000'000, kLong};
    return rule;
  }

  void Apply(std::vector<Ingestor::TableRule> tables) {
    rules.tables = std::move(tables);
    applied = ingestor->Apply(rules, kLong);
  }

  // The table's pipeline, with its columns known.
  Pipeline* Opened(std::string_view table) {
    Pipeline* const pipeline = *ingestor->Find(table);
    Mutex mutex;
    CondVar changed;
    bool done = false;
    pipeline->Open({}, [&](const absl::StatusOr<Pipeline::Schema>&) {
      MutexLock lock(mutex);
      done = true;
      changed.NotifyAll();
    });
    MutexLock lock(mutex);
    while (!done) changed.Wait(mutex);
    return pipeline;
  }

  // A row with this id, acknowledged when it is in the database.
  absl::Status Submit(Pipeline* pipeline, int64_t id, uint64_t sequence = 0) {
    QueuedBlock block;
    block.schema = pipeline->schema();
    block.rows = BuildBlock(*block.schema, {{{"id", Value::Int(id)}}});
    block.receipt = Receipt([listener = answers.For(std::to_string(id))](
                                AckLevel reached, const RequestOutcome& outcome) mutable {
      if (reached == AckLevel::kDatabase) listener(reached, outcome);
    });
    block.level = AckLevel::kDatabase;
    if (sequence != 0) block.answer.producer_id = "p";
    block.answer.sequence = sequence;
    return pipeline->Submit(std::move(block)).status();
  }

  absl::Status FindError(std::string_view table) { return ingestor->Find(table).status(); }

  SimulatedClock clock;
  FaultyEnv env;
  FakeDatabase database{TestTableAB()};
  Metrics metrics{{}, &clock};
  Metrics later_metrics{{}, &clock};
  Budget budget{1'000'000};
  DiskBudget disk{1 << 30};
  Answers answers;
  Ingestor::Rules rules;
  absl::Status applied;
  std::unique_ptr<Ingestor> ingestor;
};

TEST_CASE_METHOD(ApplyTest, "A table that is added is served at once, and the others go on") {
  Pipeline* const events = *ingestor->Find("events");
  CHECK(FindError("logs").code() == StatusCode::kNotFound);
  Apply({Rule("events"), Rule("logs")});
  CHECK(applied.ok());
  CHECK(ingestor->Find("logs").ok());
  CHECK(*ingestor->Find("events") == events);
  CHECK(ingestor->pipelines().size() == 2);
}

TEST_CASE_METHOD(ApplyTest, "A removed table refuses rows and writes what is queued") {
  Pipeline* const events = Opened("events");
  REQUIRE(Submit(events, 1).ok());
  database.Hold();
  Apply({});
  CHECK(ingestor->pipelines().empty());
  CHECK(FindError("events").code() == StatusCode::kNotFound);
  CHECK_THAT(std::string(FindError("one/events").message()), Catch::Contains("was removed"));
  const absl::Status refused = Submit(events, 2);
  CHECK(refused.code() == StatusCode::kNotFound);
  CHECK_THAT(std::string(refused.message()), Catch::Contains("was removed"));
  database.AwaitHeld(1);
  CHECK_FALSE(answers.Has("1"));
  CHECK(ingestor->leaving() == std::vector<Pipeline*>{events});
  database.Release();
  CHECK(answers.Await("1").status.ok());
  ingestor->Drain(clock.Now());
  CHECK(ingestor->leaving().empty());
  CHECK(events->all_committed());
  CHECK(database.table() == std::vector<std::string>{"id=1"});
}

TEST_CASE_METHOD(ApplyTest, "A stop does not wait for a removed table's rows beyond its deadline") {
  Pipeline* const events = Opened("events");
  REQUIRE(Submit(events, 1).ok());
  database.Hold();
  database.ThenFail(ErrorClass::kRetry, "E", 1000);
  Apply({});
  database.AwaitHeld(1);
  std::thread drain([this] { ingestor->Drain(clock.Now()); });
  database.Release();
  drain.join();
  CHECK(answers.Await("1").status.code() == StatusCode::kUnavailable);
  CHECK(events->status().queued_rows == 1);  // in its journal
  CHECK_FALSE(events->all_committed());
}

TEST_CASE_METHOD(ApplyTest, "A removed table waits for its database with what is in the journal") {
  StartWithRowLeft(1);
  database.SetDescribed(absl::UnavailableError("away"));
  Pipeline* const events = Opened("events");
  Apply({});
  CHECK(ingestor->leaving() == std::vector<Pipeline*>{events});
  database.SetDescribed(TestTableAB());
  clock.Advance(std::chrono::minutes(1));
  database.AwaitWrites(2);
  ingestor->Drain(clock.Now() + kLong);
  CHECK(database.table() == std::vector<std::string>{"id=1"});
  CHECK(events->all_committed());
}

TEST_CASE_METHOD(ApplyTest, "A removed table whose pipeline stopped is not waited for") {
  StartWithRowLeft(1);
  Pipeline* const events = *ingestor->Find("events");
  database.SetSlots(events->id(), {{0, 99, NewUuid(), 0, 0, 0, 0}});  // somebody else's
  CHECK(Opened("events")->status().state == PipelineState::kStopped);
  Apply({});
  ingestor->Drain(clock.Now() + kLong);
  CHECK(database.table().empty());
  CHECK_FALSE(events->all_committed());
}

TEST_CASE_METHOD(ApplyTest, "A table that comes back has its journal and its series again") {
  Pipeline* const before = Opened("events");
  REQUIRE(Submit(before, 1, 1).ok());
  Apply({});
  Apply({Rule("events")});
  Pipeline* const after = Opened("events");
  CHECK(after != before);
  CHECK(after->id() == before->id());
  CHECK(LastSequence(*after, "p") == 1);
  CHECK(answers.Await("1").status.ok());
  CHECK(disk.used_bytes() <= env.used_bytes());  // the old pipeline holds none of it
  const std::string exposed = metrics.Expose();
  const std::string series = "batchsql_records_processed_total{database=\"one\",table=\"events\"";
  const size_t first = exposed.find(series);
  REQUIRE(first != std::string::npos);
  CHECK(exposed.find(series, first + 1) == std::string::npos);
  CHECK(exposed.substr(first, exposed.find('\n', first) - first).back() == '1');
}

TEST_CASE_METHOD(ApplyTest, "A changed table goes on with its rows, after it said UNAVAILABLE") {
  Pipeline* const before = Opened("events");
  REQUIRE(Submit(before, 1).ok());
  database.Hold();
  Ingestor::TableRule changed = Rule("events");
  changed.options.batch.rows_max = 1;
  std::thread apply([&] { Apply({changed}); });
  database.AwaitHeld(1);
  const absl::Status refused = Submit(before, 2);
  CHECK(refused.code() == StatusCode::kUnavailable);
  CHECK_THAT(std::string(refused.message()), Catch::Contains("has changed"));
  CHECK(*ingestor->Find("events") == before);
  database.Release();
  apply.join();
  Pipeline* const after = Opened("events");
  CHECK(after != before);
  CHECK(answers.Await("1").status.ok());
  REQUIRE(Submit(after, 3).ok());
  CHECK(answers.Await("3").status.ok());
  CHECK(Submit(before, 4).code() == StatusCode::kUnavailable);
  CHECK(database.table() == std::vector<std::string>{"id=1", "id=3"});
}

TEST_CASE_METHOD(ApplyTest, "What a changed table cannot write in time is read from its journal") {
  Pipeline* const before = Opened("events");
  REQUIRE(Submit(before, 1, 1).ok());
  database.Hold();
  database.ThenFail(ErrorClass::kRetry);
  Ingestor::TableRule changed = Rule("events");
  changed.options.batch.linger = Duration::zero();
  std::thread apply([&] { Apply({changed}); });
  database.AwaitHeld(1);
  clock.Advance(std::chrono::seconds(5));
  database.Release();
  apply.join();
  CHECK(answers.Await("1").status.code() == StatusCode::kUnavailable);
  Pipeline* const after = Opened("events");
  REQUIRE(Submit(after, 2, 2).ok());
  CHECK(answers.Await("2").status.ok());
  CHECK(database.table() == std::vector<std::string>{"id=1", "id=2"});
}

TEST_CASE_METHOD(ApplyTest, "A repeated request of a pipeline that was replaced is answered") {
  Pipeline* const before = Opened("events");
  REQUIRE(Submit(before, 1, 1).ok());
  Ingestor::TableRule changed = Rule("events");
  changed.options.add_columns = true;
  Apply({changed});
  CHECK(Submit(before, 1, 1).code() == StatusCode::kUnavailable);
  CHECK(answers.Await("1").status.ok());
}

TEST_CASE_METHOD(ApplyTest, "Tables that are not listed follow the rule for them") {
  rules.any_table = Rule("*");
  Apply({Rule("events")});
  Pipeline* const users = Opened("users");
  CHECK(users->options().label == "users");
  rules.any_table->options.add_columns = true;
  Apply({Rule("events")});
  CHECK((*ingestor->Find("users"))->options().add_columns);
  rules.any_table.reset();
  Apply({Rule("events")});
  CHECK(FindError("users").code() == StatusCode::kNotFound);
  CHECK(Submit(users, 1).code() == StatusCode::kUnavailable);
  Apply({Rule("users")});
  CHECK((*ingestor->Find("users"))->id() == users->id());
  CHECK(FindError("events").code() == StatusCode::kNotFound);
}

TEST_CASE_METHOD(ApplyTest, "Nothing is made when the daemon stops meanwhile") {
  ingestor->Drain(clock.Now());
  Apply({Rule("events"), Rule("logs")});
  CHECK(applied.code() == StatusCode::kUnavailable);
  CHECK(FindError("logs").code() == StatusCode::kUnavailable);
}

TEST_CASE("Budgets take other limits while they are used") {
  Budget budget(100);
  auto held = budget.TryReserve(100);
  bool granted = false;
  budget.ReserveWhenFree(50, [&](Budget::Reservation memory) { granted = memory.held(); });
  CHECK_FALSE(granted);
  budget.SetBytesMax(150);
  CHECK(granted);
  CHECK(budget.bytes_max() == 150);

  DiskBudget disk(100);
  CHECK_FALSE(disk.TryReserve(101));
  disk.SetBytesMax(101);
  CHECK(disk.TryReserve(101));
  disk.SetBytesMax(50);
  CHECK_FALSE(disk.TryReserve(1));
}

}  // namespace
}  // namespace batchsql
