#include "server/alerts/alert_message.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/server/alerts/alert_fixture.h"

namespace batchsql {
namespace {

using nlohmann::json;

const Alert kAlert{Damaged("s.events"), At(0).wall + std::chrono::milliseconds(250), At(180).wall};

TEST_CASE("An alert is what Alertmanager's v2 API takes") {
  const json body =
      json::parse(AlertsJson({kAlert}, {"nightly", "prod", "http://g:3000", "a:8080"}));
  CHECK(body == json::parse(R"([{
    "labels": {"alertname": "BatchSQLJournalDamaged", "severity": "critical", "instance": "a:8080",
               "database": "db", "table": "s.events", "test_name": "nightly", "env": "prod"},
    "annotations": {
      "summary": "The journal or the dead letters of s.events are damaged",
      "description": "Table s.events on db (nightly): why. No row of it is taken or written until a person has repaired them.",
      "runbook_url": "http://g:3000/public/docs/runbooks/BatchSQLJournalDamaged.md#what-to-do"},
    "startsAt": "2023-11-14T22:13:20.250Z",
    "endsAt": "2023-11-14T22:16:20.000Z"}])"));
}

TEST_CASE("Without an environment there is no label env, without Grafana a runbook's file") {
  const json body = json::parse(AlertsJson({kAlert, kAlert}, {"default", "", "", "a:8080"}));
  REQUIRE(body.size() == 2);
  CHECK(!body[0]["labels"].contains("env"));
  CHECK(body[1]["annotations"]["runbook_url"] ==
        "docs/runbooks/BatchSQLJournalDamaged.md#what-to-do");
}

TEST_CASE("Every kind has a name of its own and a text") {
  std::set<std::string> names;
  for (const AlertKind kind : kAlertKinds) {
    const Alert alert{{Key(kind), "why"}, {}, {}};
    const json body = json::parse(AlertsJson({alert}, {"default", "", "", "a:8080"}));
    names.insert(body[0]["labels"]["alertname"].get<std::string>());
    CHECK(!body[0]["annotations"]["summary"].get<std::string>().empty());
  }
  CHECK(names == std::set<std::string>{"BatchSQLJournalDamaged", "BatchSQLDiskFull",
                                       "BatchSQLPipelineStopped"});
}

TEST_CASE("Bytes that are no UTF-8 do not end the daemon") {
  const Alert alert{{Key(AlertKind::kDiskFull, "t\xFF"), "\xC3"}, {}, {}};
  CHECK(json::parse(AlertsJson({alert}, {"default", "", "", "a:8080"})).size() == 1);
}

}  // namespace
}  // namespace batchsql
