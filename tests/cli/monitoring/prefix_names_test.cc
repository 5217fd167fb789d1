#include "cli/monitoring/prefix_names.h"

#include <catch2/catch.hpp>

namespace batchsql::cli {
namespace {

TEST_CASE("A prefix goes before every name of ours in an expression, and before no other") {
  CHECK(PrefixExpression("rate(batchsql_batch_failed_total[5m]) / batchsql:a:b > up + process_x",
                         "prod_") ==
        "rate(prod_batchsql_batch_failed_total[5m]) / prod_batchsql:a:b > up + process_x");
  CHECK(PrefixExpression("batchsql_custom_operations_total - my_batchsql_x", "prod_") ==
        "prod_batchsql_custom_operations_total - my_batchsql_x");
  CHECK(PrefixExpression("label_values(batchsql_current_rps{env=~\"$env\"}, table)", "p_") ==
        "label_values(p_batchsql_current_rps{env=~\"$env\"}, table)");
  CHECK(PrefixExpression("batchsql_a", "").compare("batchsql_a") == 0);
}

TEST_CASE("Values of labels stay, however they are quoted") {
  for (const char* matcher : {R"(up{job="batchsql_a"})", R"(up{job='batchsql_a'})",
                              R"(up{job=`batchsql_a`})", R"(up{job="a\"batchsql_b"})"}) {
    CHECK(PrefixExpression(matcher, "prod_") == matcher);
  }
  CHECK(PrefixExpression("batchsql_a{x='it\\'s'} + batchsql_b", "p_") ==
        "p_batchsql_a{x='it\\'s'} + p_batchsql_b");
}

TEST_CASE("In a YAML file only metrics of the contract are names, comments included") {
  CHECK(PrefixYaml("# a daemon's batchsql_dead_letters\n- name: batchsql_alerts\n", "p_") ==
        "# a daemon's p_batchsql_dead_letters\n- name: batchsql_alerts\n");
  CHECK(
      PrefixYaml("expr: up{job=\"batchsql\"} unless batchsql_batch_size_bucket{le=\"1\"}", "p_") ==
      "expr: up{job=\"batchsql\"} unless p_batchsql_batch_size_bucket{le=\"1\"}");
  CHECK(PrefixYaml("- record: batchsql:journal_bytes:sum", "p_") ==
        "- record: p_batchsql:journal_bytes:sum");
  CHECK(PrefixYaml("series: 'batchsql_current_rps{}'", "p_") ==
        "series: 'p_batchsql_current_rps{}'");
}

TEST_CASE("A quotation mark that is not closed ends with its line") {
  CHECK(PrefixYaml("# 5\" of rain\nexpr: batchsql_current_rps", "p_") ==
        "# 5\" of rain\nexpr: p_batchsql_current_rps");
}

TEST_CASE("A prefix is small letters, digits and underscores, and ends with one") {
  for (const char* good : {"", "prod_", "a1_b_"}) CHECK(CheckPrefix(good).ok());
  for (const char* bad : {"prod", "_", "1_", "Prod_", "pröd_", "a-b_", "a:_"}) {
    CHECK(!CheckPrefix(bad).ok());
  }
}

}  // namespace
}  // namespace batchsql::cli
