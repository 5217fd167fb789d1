#include "cli/doctor/command_line.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "cli/call.h"
#include "tests/cli/parse_line.h"
#include "tests/config/temp_file.h"

namespace batchsql::cli {
namespace {

// A doctor's command line, with a configuration, filled in from it; nothing is examined.
struct Filled {
  Filled(const std::string& configuration, const std::string& options) : file(configuration) {
    CLI::App app;
    AddDoctor(app, &doctor, &run);
    ParseLine(app, "doctor --config " + file.path() + options);
    status = FillFromFile(&doctor);
  }

  TempFile file;
  DoctorCommand doctor;
  std::function<int()> run;
  absl::Status status;
};

constexpr char kConfiguration[] = R"(
grpc: {listen: '0.0.0.0:50052'}
http: {listen: '[::]:8080'}
targets: [{kind: mysql, dsn: 'mysql://u:${NO_SUCH_SECRET}@h/d'}]
environments:
  prod:
    metrics_port: 9101
    metrics_prefix: prod_
    grafana_url: https://g.example
    alertmanager_url: http://m.example:9093
  named: {alertmanager_url: 'http://m', metrics_instance: d-1}
  silent: {metrics_instance: d-1}
)";

TEST_CASE("A configuration tells the doctor where everything is") {
  const Filled filled(kConfiguration, " --environment prod");
  INFO(filled.status.ToString());
  REQUIRE(filled.status.ok());
  CHECK(filled.doctor.server == "127.0.0.1:50052");
  CHECK(filled.doctor.metrics_url == "http://[::1]:9101");
  CHECK(filled.doctor.alertmanager_url == "http://m.example:9093");
  CHECK(filled.doctor.grafana_url == "https://g.example");
  CHECK(filled.doctor.prometheus_url.empty());
  CHECK(filled.doctor.prefix == "prod_");
  CHECK(filled.doctor.environment == "prod");
}

TEST_CASE("The doctor looks where the command line says, and nowhere where it says nothing") {
  const Filled filled(kConfiguration,
                      " --environment prod --metrics-url http://h:1 --grafana-url '' --prefix x_ "
                      "--alertmanager-url http://a:2");
  REQUIRE(filled.status.ok());
  CHECK(filled.doctor.metrics_url == "http://h:1");
  CHECK(filled.doctor.grafana_url.empty());
  CHECK(filled.doctor.prefix == "x_");
  CHECK(filled.doctor.alertmanager_url == "http://a:2");
}

TEST_CASE("The name that a daemon gives itself in its alerts is known where it posts any") {
  CHECK(Filled(kConfiguration, " --environment prod").doctor.instance == "[::]:9101");
  CHECK(Filled(kConfiguration, " --environment named").doctor.instance == "d-1");
  CHECK(Filled(kConfiguration, " --environment silent").doctor.instance.empty());
  CHECK(Filled(kConfiguration, " --environment ''").doctor.instance.empty());
}

TEST_CASE("A daemon with free ports is not looked for") {
  const Filled filled("grpc: {listen: 'h:0'}\nhttp: {listen: 'h:0'}\n", "");
  REQUIRE(filled.status.ok());
  CHECK(filled.doctor.server.empty());
  CHECK(filled.doctor.metrics_url.empty());
}

TEST_CASE("A configuration that is wrong is wrong use of the doctor") {
  const Filled filled("environmets: {}\n", "");
  CHECK(absl::IsInvalidArgument(filled.status));
  CHECK(filled.run() == kExitUsage);
}

}  // namespace
}  // namespace batchsql::cli
