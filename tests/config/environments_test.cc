#include <catch2/catch.hpp>

#include "absl/strings/str_replace.h"
#include "config/describe.h"
#include "config/loader.h"
#include "config/url.h"
#include "tests/config/temp_file.h"
#include "tests/config/test_variables.h"

namespace batchsql {
namespace {

constexpr char kThree[] = R"(
log: {level: info}
environments:
  prod:
    metrics_port: 9101
    metrics_prefix: prod_
    grafana_url: https://grafana.example.com/
    alertmanager_url: http://[::1]:9093/alerts/
    metrics_instance: batchsqld-1:9101
  dev: {metrics_prefix: dev_}
  bare:
)";

absl::StatusOr<Options> Load(const std::string& text, const std::string& environment) {
  return ParseText(text, "f", TestVariables({{"HOST", "am.example.com"}, {"SECRET", "hunter2"}}),
                   environment);
}

Options MustLoad(const std::string& text, const std::string& environment) {
  absl::StatusOr<Options> options = Load(text, environment);
  INFO(options.status().ToString());
  REQUIRE(options.ok());
  return *std::move(options);
}

std::string ErrorsOf(const std::string& text, const std::string& environment = "") {
  const absl::StatusOr<Options> options = Load(text, environment);
  return options.ok() ? "no error" : std::string(options.status().message());
}

// What is said about one entry's only key.
std::string ErrorsOfEntry(const std::string& entry) {
  return ErrorsOf("environments: {a: {" + entry + "}}");
}

TEST_CASE("Environments are read, by name, and none is selected by itself") {
  const Options options = MustLoad(kThree, "");
  REQUIRE(options.environments.size() == 3);
  CHECK(options.environments[0] == EnvironmentOptions{"bare", std::nullopt, "", "", "", ""});
  CHECK(options.environments[1] == EnvironmentOptions{"dev", std::nullopt, "dev_", "", "", ""});
  CHECK(options.environments[2] ==
        EnvironmentOptions{"prod", 9101, "prod_", "https://grafana.example.com",
                           "http://[::1]:9093/alerts", "batchsqld-1:9101"});
  CHECK(options.environment == EnvironmentOptions());
  CHECK(options.monitoring == MonitoringOptions());
  CHECK(options.http == HttpOptions());
}

TEST_CASE("The selected environment sets the label, the prefix and the port") {
  const Options options = MustLoad(kThree, "prod");
  CHECK(options.environment == options.environments[2]);
  CHECK(options.monitoring.environment == "prod");
  CHECK(options.http.listen == ListenAddress{"127.0.0.1", 9101});
  const Options bare = MustLoad(kThree, "bare");
  CHECK(bare.monitoring.environment == "bare");
  CHECK(bare.http == HttpOptions());
}

TEST_CASE("A label and a host that the file sets are kept") {
  const std::string text =
      "monitoring: {environment: eu}\nhttp: {listen: '[::1]:1'}\n"
      "environments: {prod: {metrics_port: 2}}\n";
  const Options options = MustLoad(text, "prod");
  CHECK(options.monitoring.environment == "eu");
  CHECK(options.http.listen == ListenAddress{"::1", 2});
  CHECK(MustLoad("monitoring: {environment: ''}\n" + text.substr(text.find("http")), "prod")
            .monitoring.environment == "prod");
}

TEST_CASE("An environment that the file does not have is refused, with those that it has") {
  CHECK(ErrorsOf(kThree, "Prod") ==
        "f:3: environments: has no environment Prod, which is asked for: expected one of bare, "
        "dev, prod");
  CHECK(ErrorsOf("log: {}\n", "a\nb") ==
        "f:1: environments: is missing: expected the environment a\\nb, which is asked for");
  CHECK(ErrorsOf("\nenvironments: {}\n", "dev") ==
        "f:2: environments: is missing: expected the environment dev, which is asked for");
}

TEST_CASE("What is wrong in any environment is reported, selected or not") {
  CHECK(
      ErrorsOf("environments:\n  a:\n    metric_port: 1\n  b: 7\n  c: {metrics_port: 0}\n", "c") ==
      "f:3: environments.a.metric_port: is no key: did you mean metrics_port?\n"
      "f:4: environments.b: expected a mapping of keys to values\n"
      "f:5: environments.c.metrics_port: expected an integer from 1 to 65535");
  CHECK(ErrorsOf("environments: [a]") == "f:1: environments: expected a mapping of keys to values");
  CHECK(ErrorsOf("grpc: {listen: 'localhost:5'}\nhttp: {listen: 'localhost:6'}\n"
                 "environments: {a: {metrics_port: 5}}",
                 "a") == "f:2: http: listens where grpc listens: expected another port");
}

TEST_CASE("A metrics prefix is what may begin a metric's name, with its underscore") {
  const std::string expected =
      "f:1: environments.a.metrics_prefix: expected at most 64 of a–z, 0–9 and '_', a letter first "
      "and '_' last, as in prod_";
  for (const std::string good : {"''", "a_", "a__", "prod_eu_1_", "x9_"}) {
    CAPTURE(good);
    CHECK(ErrorsOfEntry("metrics_prefix: " + good) == "no error");
  }
  for (const std::string bad :
       {"prod", "_", "_a_", "9a_", "Prod_", "a-b_", "a:b_", "ä_", "' a_'"}) {
    CAPTURE(bad);
    CHECK(ErrorsOfEntry("metrics_prefix: " + bad) == expected);
  }
  CHECK(ErrorsOfEntry("metrics_prefix: " + std::string(64, 'a') + "_") == expected);
}

TEST_CASE("Prometheus' name of the daemon is any label") {
  CHECK(MustLoad("environments: {a: {metrics_instance: 'eu, the first'}}", "a")
            .environment.metrics_instance == "eu, the first");
  CHECK(ErrorsOfEntry("metrics_instance: \"a\\tb\"") ==
        "f:1: environments.a.metrics_instance: expected at most 128 bytes without control "
        "characters: it becomes a label");
}

TEST_CASE("Addresses are http or https, without credentials, and no error shows them") {
  for (const std::string url :
       {"http://h", "https://h/", "http://127.0.0.1:9093", "http://[::1]", "http://[::1]:1/a/b/"}) {
    CAPTURE(url);
    CHECK(ParseBaseUrl(url).ok());
  }
  for (const std::string url :
       {"", "h:9093", "ftp://h", "HTTP://h", "http://", "http:///a", "http://h:0", "http://h:x",
        "http://h:70000", "http://h?a", "http://h/a#b", "http://h/a b", "http://h/\n", "http://::1",
        "http://h:", "http://u@h", "http://u:hunter2@h"}) {
    CAPTURE(url);
    const absl::Status status = ParseBaseUrl(url).status();
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(status.message().find("hunter2") == absl::string_view::npos);
  }
  CHECK(*ParseBaseUrl("http://h/a//") == "http://h/a");
  CHECK(ErrorsOfEntry("grafana_url: 'http://u:${SECRET}@h'") ==
        "f:1: environments.a.grafana_url: holds a user or a password: expected an address without");
  CHECK(ErrorsOfEntry("alertmanager_url: hunter2") ==
        "f:1: environments.a.alertmanager_url: expected http://host:port or https://host:port, a "
        "path behind it or not, without `?` and `#`");
  CHECK(MustLoad("environments: {a: {alertmanager_url: 'http://${HOST}:9093'}}", "a")
            .environment.alertmanager_url == "http://am.example.com:9093");
}

absl::StatusOr<DaemonPlace> Place(const std::string& text, const std::string& environment) {
  const TempFile file(text);
  absl::StatusOr<DaemonPlace> place = LoadPlace(file.path(), TestVariables(), environment);
  if (place.ok()) return place;
  // Where the file is differs from run to run.
  return absl::Status(place.status().code(),
                      absl::StrReplaceAll(place.status().message(), {{file.path(), "f"}}));
}

TEST_CASE("Who asks only for a daemon's place needs nothing that its targets need") {
  const auto place = Place(
      "data_dir: ${NONE}\ninstance: ''\nlimits: 1\nlog: 1\nmonitoring: 1\nshutdown: 1\n"
      "tables: 1\ntargets: [{kind: mysql, dsn: 'mysql://u:${file:/nonexistent}@h/d'}]\n"
      "grpc: {listen: 'h:1'}\nhttp: {listen: 'h:2'}\n"
      "environments: {a: {metrics_prefix: a_}, b: {metrics_port: 3, metrics_instance: i}}\n",
      "b");
  INFO(place.status().ToString());
  REQUIRE(place.ok());
  CHECK(*place == DaemonPlace{{"h", 1}, {"h", 3}, {"b", 3, "", "", "", "i"}});
}

TEST_CASE("A daemon's place is that of the defaults where the file does not tell") {
  const auto place = Place("", "");
  REQUIRE(place.ok());
  CHECK(*place == DaemonPlace{GrpcOptions().listen, HttpOptions().listen, EnvironmentOptions()});
}

TEST_CASE("What is wrong where a daemon's place stands is said as the daemon says it") {
  for (const auto& [text, environment] : std::vector<std::pair<std::string, std::string>>{
           {kThree, "Prod"},
           {"log: {}\n", "dev"},
           {"environmets: {}", ""},
           {"environments: {a: {grafana_url: 'http://u:${SECRET}@h'}, b: {x: 1}}", ""},
           {"http: {listen: 8080}", ""},
           {"a: [", ""}}) {
    CAPTURE(text);
    const auto place = Place(text, environment);
    const auto options = ParseText(text, "f", TestVariables(), environment);
    REQUIRE_FALSE(place.ok());
    CHECK(place.status() == options.status());
  }
}

TEST_CASE("The selected environment is described") {
  const std::string prod = Describe(MustLoad(kThree, "prod"));
  CHECK(prod.starts_with(
      "environment: prod (not bare, dev)\n"
      "  Grafana: https://grafana.example.com\n"
      "  Alertmanager: http://[::1]:9093/alerts; told as instance=batchsqld-1:9101\n"));
  CHECK(prod.find("HTTP: 127.0.0.1:9101\n") != std::string::npos);
  CHECK(prod.find("metrics: test_name=default env=prod; names begin with prod_\n") !=
        std::string::npos);
  CHECK(Describe(MustLoad(kThree, "")).starts_with("environment: none (not bare, dev, prod)\n"));
  CHECK(Describe(MustLoad("environments: {a: {}}", "a")).starts_with("environment: a\ndata"));
}

}  // namespace
}  // namespace batchsql
