#include "cli/monitoring/daemon_file.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "cli/monitoring/command_line.h"
#include "tests/cli/parse_line.h"
#include "tests/config/temp_file.h"

namespace batchsql::cli {
namespace {

constexpr char kConfiguration[] = R"(
http: {listen: 'h:1'}
targets: [{kind: mysql, dsn: 'mysql://u:${NO_SUCH_SECRET}@h/d'}]
environments:
  prod:
    metrics_port: 9101
    metrics_prefix: prod_
    grafana_url: https://g.example
    alertmanager_url: http://m.example:9093
  dev: {metrics_instance: 'd:9103'}
  eu: {metrics_instance: eu, metrics_prefix: eu_}
)";

// The commands as a command line leaves them; none is run.
struct Parsed {
  explicit Parsed(const std::string& line, const std::string& configuration = kConfiguration)
      : file(configuration) {
    CLI::App app;
    AddMonitoring(app, &commands, &run);
    ParseLine(app, "monitoring " + line + " --config " + file.path());
  }

  TempFile file;
  MonitoringCommands commands;
  std::function<int()> run;
};

TEST_CASE("A configuration tells render what the command line does not") {
  Parsed parsed("render --out o --environment prod");
  RenderCommand& render = parsed.commands.render;
  REQUIRE(FillFromFile(&render).ok());
  CHECK(render.options.prefix == "prod_");
  CHECK(render.options.environment == "prod");
  CHECK(render.options.grafana_url == "https://g.example");
  CHECK(render.options.alertmanager == "http://m.example:9093");
  CHECK(render.options.targets == std::vector<std::string>{"h:9101"});
  CHECK(render.options.instance.empty());
}

TEST_CASE("What stands on the command line wins, what is empty there included") {
  Parsed parsed(
      "render --out o --environment prod --prefix '' --grafana-url http://mine --alertmanager a:1 "
      "--target b:2 --target c:3");
  RenderCommand& render = parsed.commands.render;
  REQUIRE(FillFromFile(&render).ok());
  CHECK(render.options.prefix.empty());
  CHECK(render.options.grafana_url == "http://mine");
  CHECK(render.options.alertmanager == "a:1");
  CHECK(render.options.targets == std::vector<std::string>{"b:2", "c:3"});
}

TEST_CASE("Prometheus' name for a daemon is its target where it is an address, else a label") {
  Parsed dev("render --out o --environment dev");
  REQUIRE(FillFromFile(&dev.commands.render).ok());
  CHECK(dev.commands.render.options.targets == std::vector<std::string>{"d:9103"});
  CHECK(dev.commands.render.options.instance.empty());
  Parsed eu("render --out o --environment eu");
  REQUIRE(FillFromFile(&eu.commands.render).ok());
  CHECK(eu.commands.render.options.targets == std::vector<std::string>{"h:1"});
  CHECK(eu.commands.render.options.instance == "eu");
}

TEST_CASE("A daemon that listens everywhere, or at any port, must be told where it is found") {
  for (const std::string listen : {"0.0.0.0:8080", "[::]:8080", "127.0.0.1:0"}) {
    CAPTURE(listen);
    const std::string configuration = "http: {listen: '" + listen + "'}\n";
    Parsed parsed("render --out o", configuration);
    const absl::Status status = FillFromFile(&parsed.commands.render);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find(listen) != absl::string_view::npos);
    Parsed told("render --out o --target a:1", configuration);
    CHECK(FillFromFile(&told.commands.render).ok());
  }
}

TEST_CASE("A configuration tells install, backup and restore where Grafana is") {
  Parsed install("install --environment prod");
  REQUIRE(FillFromFile(&install.commands.install).ok());
  CHECK(install.commands.install.options.grafana_url == "https://g.example");
  CHECK(install.commands.install.options.prefix == "prod_");
  for (const std::string line : {"backup --out o", "restore --from o"}) {
    CAPTURE(line);
    Parsed copy(line + " --environment prod");
    REQUIRE(FillFromFile(&copy.commands.backup).ok());
    CHECK(copy.commands.backup.grafana_url == "https://g.example");
    Parsed without(line + " --environment prod --grafana-url ''");
    REQUIRE(FillFromFile(&without.commands.backup).ok());
    CHECK(without.commands.backup.grafana_url.empty());
  }
}

TEST_CASE("An environment of no file is for copies none, and for dashboards a name") {
  BackupCommand backup;
  CHECK(FillFromFile(&backup).ok());
  backup.environment = "prod";
  const absl::Status status = FillFromFile(&backup);
  CHECK(absl::IsInvalidArgument(status));
  CHECK(status.message().find("needs --config") != absl::string_view::npos);
  RenderCommand render;
  render.options.environment = "prod";
  CHECK(FillFromFile(&render).ok());
  CHECK(render.options.targets.empty());
}

TEST_CASE("What is wrong with a configuration is said as the daemon says it, and is wrong use") {
  Parsed parsed("install --environment test");
  const absl::Status status = FillFromFile(&parsed.commands.install);
  CHECK(absl::IsInvalidArgument(status));
  CHECK(status.message() ==
        parsed.file.path() +
            ":4: environments: has no environment test, which is asked for: expected one of dev, "
            "eu, prod");
  CHECK(parsed.run() == kExitUsage);
}

TEST_CASE("A server that listens everywhere is reached over the loopback") {
  CHECK(ReachedHere({"0.0.0.0", 1}) == "127.0.0.1:1");
  CHECK(ReachedHere({"::", 1}) == "[::1]:1");
  CHECK(ReachedHere({"10.0.0.1", 1}) == "10.0.0.1:1");
  CHECK(ReachedHere({"::1", 1}) == "[::1]:1");
  CHECK(ReachedHere({"h", 0}).empty());
}

}  // namespace
}  // namespace batchsql::cli
