#include "server/alerts/alert_memory.h"

#include <catch2/catch.hpp>

#include "tests/server/alerts/alert_fixture.h"
#include "tests/support/faulty_env.h"

namespace batchsql {
namespace {

class MemoryTest {
 protected:
  MemoryTest() { REQUIRE(env.MakeDirectory("data").ok()); }

  // "table since", one each.
  std::vector<std::string> Load() {
    const absl::StatusOr<std::vector<Firing>> loaded = memory.Load();
    INFO(loaded.status().ToString());
    REQUIRE(loaded.ok());
    std::vector<std::string> text;
    for (const Firing& firing : *loaded) {
      CHECK(firing.problem.reason == "why");
      CHECK(firing.starts_at == At(7).wall);
      text.push_back(firing.problem.key.table);
    }
    return text;
  }

  FaultyEnv env;
  AlertMemory memory{&env, "data"};
};

TEST_CASE_METHOD(MemoryTest,
                 "What fires is remembered over a crash, and forgotten when it is over") {
  CHECK(Load().empty());
  CHECK(memory.Save({}).ok());
  REQUIRE(memory.Save({{Stopped("a"), At(7).wall}, {Damaged("b\"\n"), At(7).wall}}).ok());
  REQUIRE(env.SyncDirectory("data").ok());
  env.Crash();
  CHECK(Load() == std::vector<std::string>{"a", "b\"\n"});
  REQUIRE(memory.Save({{Stopped("c"), At(7).wall}}).ok());
  CHECK(Load() == std::vector<std::string>{"c"});
  REQUIRE(memory.Save({}).ok());
  CHECK(Load().empty());
}

TEST_CASE_METHOD(MemoryTest,
                 "A save that fails leaves what was remembered, and may be tried again") {
  REQUIRE(memory.Save({{Stopped("a"), At(7).wall}}).ok());
  for (const std::string operation : {"write", "sync"}) {
    env.FailAlways(operation, absl::StatusCode::kResourceExhausted);
    CHECK(!memory.Save({{Stopped("b"), At(7).wall}}).ok());
    env.FailAlways("");
    CHECK(Load() == std::vector<std::string>{"a"});
  }
  REQUIRE(memory.Save({{Stopped("b"), At(7).wall}}).ok());
  CHECK(Load() == std::vector<std::string>{"b"});
}

TEST_CASE_METHOD(MemoryTest, "A file that is not as it was written is an error, not a crash") {
  for (const std::string text :
       {"", "[", "7", "[7]", "[{}]", R"([{"alertname":"BatchSQLDiskFull","database":7}])"}) {
    CAPTURE(text);
    env.SetContents("data/alerts.json", text);
    CHECK(memory.Load().status().code() == absl::StatusCode::kDataLoss);
  }
  env.SetContents("data/alerts.json", R"([{"alertname":"FromTheFuture"}])");
  CHECK(Load().empty());
}

}  // namespace
}  // namespace batchsql
