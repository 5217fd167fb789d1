#include "cli/doctor/panel_queries.h"

#include <catch2/catch.hpp>

#include "cli/monitoring/render.h"

namespace batchsql::cli {
namespace {

Json DashboardWith(const std::string& expression, const std::string& unit) {
  return {{"panels",
           {{{"title", "P"},
             {"fieldConfig", {{"defaults", {{"unit", unit}}}}},
             {"targets", {{{"expr", expression}}}}}}}};
}

size_t Problems(const std::string& expression, const std::string& unit,
                const std::string& prefix = "") {
  return PanelProblems(DashboardWith(expression, unit), prefix).size();
}

TEST_CASE("Factors of an expression are multiplied") {
  CHECK(MultipliesBy("a") == 1);
  CHECK(MultipliesBy("a * 100") == 100);
  CHECK(MultipliesBy("a * 100 * 100") == 10000);
  CHECK(MultipliesBy("a*10000") == 10000);
  CHECK(MultipliesBy("a / on (job) b") == 1);
}

TEST_CASE("The integrity rate is shown as it is, or times 100 once") {
  const std::string rate = "min(batchsql_data_integrity_rate{database=~\"$database\"})";
  CHECK(Problems(rate, "percentunit") == 0);
  CHECK(Problems(rate + " * 100", "percent") == 0);
  CHECK(Problems(rate + " * 10000", "percent") == 1);
  CHECK(Problems(rate + " * 100 * 100", "percent") == 1);
  CHECK(Problems(rate + " * 100", "percentunit") == 1);
  CHECK(Problems(rate, "percent") == 1);
}

TEST_CASE("Other traps of panels are seen") {
  CHECK(Problems("histogram_quantile(0.95, batchsql_batch_size_bucket)", "short") == 1);
  CHECK(Problems("avg by (database) (batchsql_current_rps)", "rowsps") == 1);
  CHECK(Problems("sum by (database) (batchsql_current_rps)", "rowsps") == 0);
  Json with_alert = DashboardWith("batchsql_error_rate", "percentunit");
  with_alert["panels"][0]["alert"] = Json::object();
  CHECK(PanelProblems(with_alert, "").size() == 1);
}

TEST_CASE("Panels must ask for the daemon's prefix") {
  CHECK(Problems("prod_batchsql_error_rate", "percentunit", "prod_") == 0);
  CHECK(Problems("batchsql_error_rate", "percentunit", "prod_") == 1);
  CHECK(Problems("prod_batchsql_error_rate", "percentunit") == 1);
  CHECK(Problems("up{job=\"x_batchsql_y\"}", "short") == 0);
}

TEST_CASE("Panels of others, and in folded rows") {
  CHECK(Problems("histogram_quantile(0.9, other_bucket) * 10000", "percent", "prod_") == 0);
  const Json row = {{"panels", {DashboardWith("batchsql_data_integrity_rate * 10000", "percent")}}};
  CHECK(PanelProblems(row, "").size() == 1);
}

TEST_CASE("The shipped dashboards have none of these problems") {
  for (const char* prefix : {"", "prod_"}) {
    RenderOptions options;
    options.prefix = prefix;
    const auto dashboards = RenderDashboards(options);
    REQUIRE(dashboards.ok());
    for (const Json& dashboard : *dashboards) CHECK(PanelProblems(dashboard, prefix).empty());
  }
}

}  // namespace
}  // namespace batchsql::cli
