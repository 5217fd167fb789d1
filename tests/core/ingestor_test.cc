#include "core/ingestor.h"

#include <catch2/catch.hpp>

#include "core/dead_letters/letter_space.h"
#include "core/limit_error.h"
#include "tests/core/pipeline_fixture.h"
#include "tests/support/faulty_env.h"

namespace batchsql {
namespace {

using absl::StatusCode;

class IngestorTest {
 protected:
  // Tables `events` in `one` and `logs` in `two`; any other goes to `one` where `any` says so.
  void Make(bool any) {
    Ingestor::Options options;
    options.rules.tables = {Rule("one", "events"), Rule("two", "logs")};
    if (any) options.rules.any_table = Rule("one", "*");
    options.rules.tables_max = 4;
    std::vector<std::unique_ptr<Target>> targets;
    for (const char* name : {"one", "two"}) {
      targets.push_back(
          std::make_unique<Target>(name, kind, 2, [this] { return database.MakeExecutor(); }));
    }
    ingestor = std::make_unique<Ingestor>(
        std::move(options), std::move(targets),
        Ingestor::Resources{Env::System(), &disk, &budget, &metrics, &clock});
  }

  static Ingestor::TableRule Rule(std::string target, std::string table) {
    Ingestor::TableRule rule;
    rule.target = std::move(target);
    rule.options.table.name = table;
    rule.options.label = std::move(table);
    return rule;
  }

  StatusCode CodeOf(std::string_view table) { return ingestor->Find(table).status().code(); }

  std::string kind = "fake";
  SimulatedClock clock;
  FakeDatabase database{TestTableAB()};
  Metrics metrics{{}, &clock};
  Budget budget{1'000};
  DiskBudget disk{uint64_t{1} << 30};
  FaultyEnv env;
  LetterSpace space{&env, "data/letters", uint64_t{1} << 30};
  std::unique_ptr<Ingestor> ingestor;
};

TEST_CASE_METHOD(IngestorTest, "A listed table is found by its name, with and without its target") {
  Make(false);
  Pipeline* const events = *ingestor->Find("events");
  CHECK(*ingestor->Find("one/events") == events);
  CHECK(events->target().name() == "one");
  CHECK(CodeOf("two/events") == StatusCode::kNotFound);
  CHECK(CodeOf("three/events") == StatusCode::kNotFound);
  CHECK(CodeOf("users") == StatusCode::kNotFound);
  CHECK(CodeOf("") == StatusCode::kInvalidArgument);
  CHECK(CodeOf("one/") == StatusCode::kInvalidArgument);
  CHECK(ingestor->pipelines().size() == 2);
}

TEST_CASE_METHOD(IngestorTest, "A table that is not listed has one pipeline, however it is named") {
  Make(true);
  Pipeline* const users = *ingestor->Find("one/users");
  CHECK(users->options().table == TableName{"", "users"});
  CHECK(users->options().label == "users");
  CHECK(*ingestor->Find("users") == users);
  CHECK(*ingestor->Find("one/users") == users);
  CHECK(CodeOf("two/users") == StatusCode::kNotFound);  // the rule `*` is of target one
  CHECK(CodeOf("nowhere/users") == StatusCode::kNotFound);
  CHECK(ingestor->pipelines().size() == 3);
}

TEST_CASE_METHOD(IngestorTest,
                 "A name that another target's table has is kept apart by its target") {
  Make(true);
  Pipeline* const logs = *ingestor->Find("one/logs");
  CHECK(logs->target().name() == "one");
  CHECK(logs->options().table == TableName{"", "logs"});
  CHECK((*ingestor->Find("logs"))->target().name() == "two");
  CHECK(*ingestor->Find("one/logs") == logs);
  CHECK((*ingestor->Find("two/logs"))->target().name() == "two");
}

TEST_CASE_METHOD(IngestorTest, "A table of SQLite is served under one of its names only") {
  kind = "sqlite";
  Make(true);
  REQUIRE(ingestor->Find("users").ok());
  for (const char* other : {"Users", "main.users", "MAIN.USERS", "one/USERS"}) {
    const absl::Status status = ingestor->Find(other).status();
    CHECK(status.code() == StatusCode::kFailedPrecondition);
    CHECK_THAT(std::string(status.message()), Catch::Contains("its name users"));
  }
  CHECK(CodeOf("main.Events") == StatusCode::kFailedPrecondition);  // a listed one
  CHECK(ingestor->Find("Logs").ok());                               // `logs` is of another target
  CHECK(ingestor->pipelines().size() == 4);
}

TEST_CASE_METHOD(IngestorTest, "Tables whose names differ by their case are two elsewhere") {
  Make(true);
  CHECK(*ingestor->Find("users") != *ingestor->Find("Users"));
}

TEST_CASE_METHOD(IngestorTest, "There are no more tables than the limit says") {
  Make(true);
  CHECK(ingestor->Find("a").ok());
  CHECK(ingestor->Find("b").ok());
  CHECK(CodeOf("c") == StatusCode::kResourceExhausted);
  CHECK(IsNoneLeft(ingestor->Find("c").status()));
  CHECK(ingestor->Find("a").ok());
}

TEST_CASE_METHOD(IngestorTest,
                 "Dead letters are beside the journals, or in the target without one") {
  for (const char* folder : {"data", "data/journal", "data/letters"}) {
    REQUIRE(env.MakeDirectory(folder).ok());
  }
  const auto make = [&] {
    Ingestor::Options options;
    options.rules.tables = {Rule("one", "events"), Rule("one", "logs")};
    options.rules.tables[1].journal = false;
    options.journal_root = "data/journal";
    options.letters_root = "data/letters";
    std::vector<std::unique_ptr<Target>> targets;
    targets.push_back(
        std::make_unique<Target>("one", "fake", 2, [this] { return database.MakeExecutor(); }));
    ingestor = std::make_unique<Ingestor>(
        std::move(options), std::move(targets),
        Ingestor::Resources{&env, &disk, &budget, &metrics, &clock, &space});
  };
  make();
  CHECK_FALSE((*ingestor->Find("events"))->letters()->in_target());
  CHECK((*ingestor->Find("logs"))->letters()->in_target());
  REQUIRE((*ingestor->Find("events"))->letters()->Keep(1, {DeadLetter()}).ok());
  ingestor.reset();
  CHECK(env.List("data/letters/one.events").value().size() == 1);

  env.SetContents("data/letters/one.events/0000000001.letters", std::string(8'192, 'x'));
  make();
  const PipelineStatus damaged = (*ingestor->Find("events"))->status();
  CHECK(damaged.state == PipelineState::kStopped);
  CHECK(damaged.reason.find("dead letters are damaged") != std::string::npos);
  CHECK((*ingestor->Find("logs"))->status().state == PipelineState::kOpening);
}

TEST_CASE_METHOD(IngestorTest, "OpenAll asks for every listed table") {
  Make(false);
  ingestor->OpenAll();
  while (database.describes() < 2) std::this_thread::yield();
  ingestor->Drain(clock.Now());
  CHECK(database.describes() == 2);
}

TEST_CASE_METHOD(IngestorTest, "Draining lets those go who wait for memory, and takes nobody in") {
  Make(true);
  auto held = budget.TryReserve(1'000);
  bool let_go = false;
  budget.ReserveWhenFree(1, [&](Budget::Reservation memory) { let_go = !memory.held(); });
  ingestor->Drain(clock.Now());
  CHECK(let_go);
  CHECK(CodeOf("events") == StatusCode::kUnavailable);
  CHECK(CodeOf("users") == StatusCode::kUnavailable);
}

TEST_CASE_METHOD(IngestorTest, "Each table's and target's series exist from the start") {
  Make(false);
  auto held = budget.TryReserve(250);
  const std::string exposed = metrics.Expose();
  for (const char* series :
       {"batchsql_records_processed_total{database=\"one\",table=\"events\",test_name=\"default\"} "
        "0",
        "batchsql_current_rps{database=\"two\",table=\"logs\",test_name=\"default\"} 0",
        "batchsql_active_connections{database=\"two\"} 0",
        "batchsql_buffer_utilization{database=\"one\",test_name=\"default\"} 0.25"}) {
    INFO(series);
    CHECK(exposed.find(series) != std::string::npos);
  }
}

}  // namespace
}  // namespace batchsql
