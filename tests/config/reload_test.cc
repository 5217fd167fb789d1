#include "config/reload.h"

#include <catch2/catch.hpp>

namespace batchsql {
namespace {

TableOptions Table(std::string name, std::string target = "sqlite") {
  TableOptions table;
  table.name = std::move(name);
  table.target = std::move(target);
  return table;
}

Options Running() {
  Options options = DefaultOptions();
  options.tables = {Table("events")};
  return options;
}

TEST_CASE("What may change while the daemon runs is taken over") {
  Options fresh = Running();
  fresh.tables = {Table("events"), Table("logs")};
  fresh.tables[0].batch.linger_ms = 5;
  fresh.limits.memory_bytes_max = 64 * kMiB;
  fresh.limits.row_bytes_max = kMiB;
  fresh.shutdown.grace_ms = 1;
  fresh.log.level = LogLevel::kDebug;
  const ReloadedOptions reloaded = OptionsWhileRunning(Running(), fresh);
  CHECK(reloaded.ignored.empty());
  CHECK(reloaded.options == fresh);
}

TEST_CASE("What needs a restart keeps its value and is named") {
  Options fresh = Running();
  fresh.data_dir = "elsewhere";
  fresh.instance = "other";
  fresh.grpc.listen.port = 1;
  fresh.http.listen.port = 2;
  fresh.targets[0].connections_max = 3;
  fresh.monitoring.test_name = "other";
  fresh.limits.request_bytes_max = kMiB;
  fresh.limits.journal_segment_bytes = kMiB;
  fresh.limits.journal_grace_ms = 7;
  const ReloadedOptions reloaded = OptionsWhileRunning(Running(), fresh);
  CHECK(reloaded.options == Running());
  CHECK(reloaded.ignored ==
        std::vector<std::string>{"data_dir", "instance", "grpc.listen", "http.listen", "targets",
                                 "monitoring", "limits.request_bytes_max",
                                 "limits.journal_segment_bytes", "limits.journal_grace_ms"});
}

TEST_CASE("The selected environment stays as it was until a restart, and the others may change") {
  Options running = Running();
  running.environment = {"prod", 9101, "prod_", "", "http://h:9093", ""};
  running.environments = {running.environment, {"dev", std::nullopt, "dev_", "", "", ""}};
  Options fresh = running;
  fresh.environments[1].metrics_prefix = "other_";
  CHECK(OptionsWhileRunning(running, fresh).ignored.empty());
  fresh.environment.alertmanager_url = "http://other:9093";
  const ReloadedOptions reloaded = OptionsWhileRunning(running, fresh);
  CHECK(reloaded.options.environment == running.environment);
  CHECK(reloaded.ignored == std::vector<std::string>{"environments.prod"});
}

TEST_CASE("A table of a target that is not running waits for a restart") {
  Options fresh = Running();
  fresh.targets.push_back({"new", TargetKind::kSqlite, "new.db", 1});
  fresh.tables.push_back(Table("logs", "new"));
  const ReloadedOptions reloaded = OptionsWhileRunning(Running(), fresh);
  CHECK(reloaded.options == Running());
  CHECK(reloaded.ignored == std::vector<std::string>{"targets", "tables[logs]"});
}

TEST_CASE("A table that moves to a target that is not running stays where it is until a restart") {
  Options running = Running();
  running.tables.push_back(Table("*"));
  Options fresh = running;
  fresh.targets[0].name = "renamed";
  for (TableOptions& table : fresh.tables) table.target = "renamed";
  const ReloadedOptions reloaded = OptionsWhileRunning(running, fresh);
  CHECK(reloaded.options == running);
  CHECK(reloaded.ignored == std::vector<std::string>{"targets", "tables[events]", "tables[*]"});
}

TEST_CASE("A bound keeps its value with what lies below it") {
  Options running = Running();
  running.limits.request_bytes_max = 16 * kMiB;
  running.limits.journal_segment_bytes = 64 * kMiB;
  Options fresh = running;
  fresh.limits.memory_bytes_max = fresh.limits.request_bytes_max = 8 * kMiB;
  fresh.limits.journal_bytes_max = fresh.limits.journal_segment_bytes = 32 * kMiB;
  const ReloadedOptions reloaded = OptionsWhileRunning(running, fresh);
  CHECK(reloaded.options == running);
  CHECK(reloaded.ignored ==
        std::vector<std::string>{"limits.request_bytes_max", "limits.memory_bytes_max",
                                 "limits.journal_segment_bytes", "limits.journal_bytes_max"});
}

TEST_CASE("A table keeps its journal, or having none, until a restart") {
  Options running = Running();
  running.tables.push_back(Table("*"));
  running.tables[1].journal = JournalKind::kNone;
  Options fresh = running;
  fresh.tables[0].journal = JournalKind::kNone;
  fresh.tables.push_back(Table("logs"));  // was served by `*`
  const ReloadedOptions reloaded = OptionsWhileRunning(running, fresh);
  CHECK(reloaded.options.tables[0].journal == JournalKind::kDisk);
  CHECK(reloaded.options.tables[2].journal == JournalKind::kNone);
  CHECK(reloaded.ignored ==
        std::vector<std::string>{"tables[events].journal", "tables[logs].journal"});
}

TEST_CASE("A removed table that others' rule covers keeps its journal") {
  Options running = Running();
  running.tables.push_back(Table("*"));
  running.tables[0].journal = JournalKind::kNone;
  Options fresh = running;
  fresh.tables.erase(fresh.tables.begin());
  const ReloadedOptions reloaded = OptionsWhileRunning(running, fresh);
  REQUIRE(reloaded.options.tables.size() == 2);
  CHECK(reloaded.options.tables[1] == running.tables[0]);
  CHECK(reloaded.ignored == std::vector<std::string>{"tables[events]"});
}

}  // namespace
}  // namespace batchsql
