// What a program that is built on core sees of the metrics.

#include "core/metrics.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "server/http/endpoints.h"
#include "server/http/http_metrics.h"
#include "server/http/http_server.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_server.h"

namespace batchsql {
namespace {

bool HasLine(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// /metrics of a program with counts of its own, and of its requests.
class MetricsServer {
 public:
  MetricsServer() {
    HttpEndpoints endpoints;
    endpoints.metrics = [this] { return metrics.Expose(); };
    endpoints.readiness = [] { return absl::OkStatus(); };
    std::vector<HttpRoute> routes = MakeRoutes(std::move(endpoints));
    HttpServerOptions options;
    options.listen = {"127.0.0.1", 0};
    options.observer = [counts = HttpMetrics(metrics.registry(), routes)](
                           std::string_view route, int status, uint64_t bytes) mutable {
      counts.Ended(route, status, bytes);
    };
    auto started = HttpServer::Start(std::move(options), std::move(routes));
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  std::string Scrape() { return HttpClient(server->port()).Exchange(Get("/metrics")).body; }

  SystemClock clock;
  Metrics metrics{{"default", "", ""}, &clock};
  std::unique_ptr<HttpServer> server;
};

TEST_CASE("A program registers a counter and a histogram of its own") {
  MetricsServer program;
  MetricRegistry& registry = program.metrics.registry();
  const prometheus::Labels labels = {{"operation", "import"}};
  prometheus::Counter& operations = registry.AddCounter(
      {"batchsql_custom_operations_total", "Operations of this program."}, labels);
  prometheus::Histogram& duration = registry.AddHistogram(
      {"batchsql_custom_duration_seconds", "What an operation took."}, labels, {0.1, 1});
  operations.Increment();
  operations.Increment();
  duration.Observe(0.5);
  const std::string scraped = program.Scrape();
  CHECK(HasLine(scraped, "# TYPE batchsql_custom_operations_total counter"));
  CHECK(HasLine(scraped, "batchsql_custom_operations_total{operation=\"import\"} 2"));
  CHECK(HasLine(scraped,
                "batchsql_custom_duration_seconds_bucket{operation=\"import\",le=\"0.1\"} 0"));
  CHECK(
      HasLine(scraped, "batchsql_custom_duration_seconds_bucket{operation=\"import\",le=\"1\"} 1"));
}

TEST_CASE("A program's collector is asked at each scrape") {
  MetricsServer program;
  double value = 1;
  program.metrics.registry().AddCollector([&value] {
    SampleFamily family(SampleFamily::Kind::kGauge, {"batchsql_custom_level", "A level."});
    family.Add({}, value);
    return std::vector<prometheus::MetricFamily>{family.Take()};
  });
  CHECK(HasLine(program.Scrape(), "batchsql_custom_level 1"));
  value = 2;
  CHECK(HasLine(program.Scrape(), "batchsql_custom_level 2"));
}

TEST_CASE("HTTP requests are counted by route and code, never by address") {
  MetricsServer program;
  HttpClient client(program.server->port());  // of one connection, requests end one by one
  const std::string before = client.Exchange(Get("/metrics")).body;
  CHECK(HasLine(before, "batchsql_http_requests_total{code=\"200\",route=\"/metrics\"} 0"));
  CHECK(HasLine(before,
                "batchsql_http_requests_total{code=\"200\",route=\"/v1/tables/{table}/rows\"} 0"));
  client.Exchange(Get("/no/such/path"));
  const std::string after = client.Exchange(Get("/metrics")).body;
  CHECK(HasLine(after, "batchsql_http_requests_total{code=\"200\",route=\"/metrics\"} 1"));
  CHECK(after.find("no/such") == std::string::npos);
}

}  // namespace
}  // namespace batchsql
