#include "server/alerts/alertmanager_client.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/http/http_server.h"

namespace batchsql {
namespace {

class Receiver : public HttpHandler {
 public:
  explicit Receiver(std::function<HttpResponse(HttpRequest)> receive)
      : receive_(std::move(receive)) {}
  HttpResponse Handle(HttpRequest request) override { return receive_(std::move(request)); }

 private:
  const std::function<HttpResponse(HttpRequest)> receive_;
};

std::unique_ptr<HttpServer> Serve(std::function<HttpResponse(HttpRequest)> receive) {
  std::vector<HttpRoute> routes;
  routes.push_back(
      {"POST", "/base/api/v2/alerts", std::make_unique<Receiver>(std::move(receive)), 1'000'000});
  HttpServerOptions options;
  options.listen = {"127.0.0.1", 0};
  auto started = HttpServer::Start(std::move(options), std::move(routes));
  REQUIRE(started.ok());
  return *std::move(started);
}

TEST_CASE("Alerts are posted as JSON below the address, again and again") {
  std::mutex mutex;
  std::vector<std::string> bodies;
  std::string content_type;
  const auto server = Serve([&](HttpRequest request) {
    const std::lock_guard<std::mutex> lock(mutex);
    content_type = *request.FindHeader("content-type");
    bodies.push_back(std::move(request.body));
    return HttpResponse();
  });
  AlertmanagerClient client(absl::StrCat("http://", server->address(), "/base"));
  CHECK(client.PostAlerts("[1]").ok());
  const std::string long_body(200'000, 'x');
  CHECK(client.PostAlerts(long_body).ok());
  const std::lock_guard<std::mutex> lock(mutex);
  CHECK(content_type == "application/json");
  CHECK(bodies == std::vector<std::string>{"[1]", long_body});
}

TEST_CASE("An answer that is no success is an error, and so is another path") {
  const auto server = Serve([](const HttpRequest&) {
    HttpResponse refused;
    refused.status = 400;
    return refused;
  });
  const std::string address = absl::StrCat("http://", server->address());
  AlertmanagerClient refused(address + "/base");
  CHECK(refused.PostAlerts("[]") ==
        absl::UnavailableError(absl::StrCat(address, "/base/api/v2/alerts: answered 400")));
  AlertmanagerClient elsewhere(address);
  CHECK(elsewhere.PostAlerts("[]") ==
        absl::UnavailableError(absl::StrCat(address, "/api/v2/alerts: answered 404")));
}

TEST_CASE("Where nobody listens the post fails, and after Cancel it is not tried") {
  const auto server = Serve([](const HttpRequest&) { return HttpResponse(); });
  AlertmanagerClient client(absl::StrCat("http://", server->address(), "/base"));
  CHECK(client.PostAlerts("[]").ok());
  client.Cancel();
  const absl::Status cancelled = client.PostAlerts("[]");
  CHECK(cancelled.code() == absl::StatusCode::kUnavailable);
  server->Stop();
  AlertmanagerClient other(absl::StrCat("http://", server->address(), "/base"));
  CHECK(other.PostAlerts("[]").code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace batchsql
