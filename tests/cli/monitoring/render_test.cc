#include "cli/monitoring/render.h"

#include <catch2/catch.hpp>

#include "cli/monitoring/shipped_files.h"

namespace batchsql::cli {
namespace {

std::string TextOfFile(const std::vector<RenderedFile>& files, const std::string& path) {
  for (const RenderedFile& file : files) {
    if (file.path == path) return file.text;
  }
  FAIL("no " + path);
  return "";
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("Without options every file is rendered as it is shipped") {
  const auto files = Render({});
  REQUIRE(files.ok());
  REQUIRE(files->size() == ShippedFiles().size());
  for (size_t i = 0; i < files->size(); ++i) {
    CHECK((*files)[i].path == ShippedFiles()[i].path);
    CHECK((*files)[i].text == ShippedFiles()[i].text);
  }
}

TEST_CASE("An environment is part of what must differ in one Grafana") {
  RenderOptions options;
  options.environment = "prod";
  const auto files = Render(options);
  REQUIRE(files.ok());
  const std::string dashboard = TextOfFile(*files, "grafana/dashboards/batchsql-overview.json");
  CHECK(Holds(dashboard, R"("uid": "batchsql-overview-prod")"));
  CHECK(Holds(dashboard, "\"title\": \"BatchSQL overview (prod)\""));
  CHECK(Holds(dashboard, R"("url": "/d/batchsql-integrity-prod")"));
  CHECK(Holds(TextOfFile(*files, "prometheus/alert_rules.yml"), "/d/batchsql-overview-prod?"));
  const std::string provider = TextOfFile(*files, "grafana/provisioning/dashboards/batchsql.yml");
  CHECK(Holds(provider, "folderUid: batchsql-prod\n"));
  CHECK(Holds(provider, "folder: BatchSQL prod\n"));
}

TEST_CASE("Addresses go where the shipped ones stand") {
  RenderOptions options;
  options.grafana_url = "https://grafana.example/sub/";
  options.runbook_base = "https://docs.example/runbooks";
  options.targets = {"a:1", "b:2"};
  options.alertmanager = "m:3";
  const auto files = Render(options);
  REQUIRE(files.ok());
  const std::string rules = TextOfFile(*files, "prometheus/alert_rules.yml");
  CHECK(Holds(rules, "'https://docs.example/runbooks/BatchSQLWatchdog.md#what-to-do'"));
  CHECK(Holds(rules, "'https://grafana.example/sub/d/batchsql-overview?"));
  CHECK(!Holds(rules, "localhost"));
  const std::string config = TextOfFile(*files, "prometheus/prometheus.yml");
  CHECK(Holds(config, "targets: ['a:1', 'b:2']"));
  CHECK(Holds(config, "targets: ['m:3']"));
  CHECK(Holds(TextOfFile(*files, "grafana/dashboards/batchsql-overview.json"),
              R"("url": "https://docs.example/runbooks/README.md")"));
}

TEST_CASE("A target may have another name, and Alertmanager's address may be a URL") {
  RenderOptions options;
  options.targets = {"a:1"};
  options.instance = "eu's first";
  options.alertmanager = "https://m.example/sub/";
  const auto files = Render(options);
  REQUIRE(files.ok());
  const std::string config = TextOfFile(*files, "prometheus/prometheus.yml");
  CHECK(Holds(config,
              "    static_configs:\n"
              "      - targets: ['a:1']\n"
              "        labels: {instance: 'eu''s first'}\n"));
  CHECK(Holds(config,
              "    - scheme: https\n"
              "      path_prefix: '/sub'\n"
              "      static_configs:\n"
              "        - targets: ['m.example:443']\n"));
  CHECK(Holds(config,
              "    scheme: https\n"
              "    metrics_path: '/sub/metrics'\n"
              "    static_configs:\n"
              "      - targets: ['m.example:443']\n"));
}

TEST_CASE("A URL that tells nothing but an address is one") {
  const auto config = [](const char* alertmanager) {
    RenderOptions options;
    options.alertmanager = alertmanager;
    const auto files = Render(options);
    REQUIRE(files.ok());
    return TextOfFile(*files, "prometheus/prometheus.yml");
  };
  CHECK(config("http://m:3/") == config("m:3"));
  CHECK(config("http://m") == config("m:80"));
  CHECK(config("http://[::1]") == config("[::1]:80"));
}

TEST_CASE("A drill has shorter rules and none of their tests") {
  RenderOptions options;
  options.shorten = 10;
  const auto files = Render(options);
  REQUIRE(files.ok());
  CHECK(Holds(TextOfFile(*files, "prometheus/alert_rules.yml"), "for: 12s"));
  for (const RenderedFile& file : *files) CHECK(!file.path.starts_with("prometheus/tests/"));
}

TEST_CASE("What is no prefix, environment or URL is refused") {
  RenderOptions options;
  options.prefix = "prod";
  CHECK(absl::IsInvalidArgument(Render(options).status()));
  options = {};
  options.environment = "a b";
  CHECK(absl::IsInvalidArgument(Render(options).status()));
  options = {};
  options.grafana_url = "grafana:3000";
  CHECK(absl::IsInvalidArgument(RenderDashboards(options).status()));
  options = {};
  options.runbook_base = "https://user:password@docs.example";
  CHECK(absl::IsInvalidArgument(Render(options).status()));
  options = {};
  options.alertmanager = "http://user:password@m";
  CHECK(absl::IsInvalidArgument(Render(options).status()));
}

TEST_CASE("Dashboards go to Grafana's API without an id of another Grafana") {
  const auto dashboards = RenderDashboards({});
  REQUIRE(dashboards.ok());
  REQUIRE(dashboards->size() == 3);
  for (const auto& dashboard : *dashboards) CHECK(!dashboard.contains("id"));
}

}  // namespace
}  // namespace batchsql::cli
