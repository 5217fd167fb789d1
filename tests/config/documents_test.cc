// The shipped examples and the reference say what the loader does.

#include <yaml-cpp/yaml.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "config/loader.h"
#include "tests/config/test_variables.h"

namespace batchsql {
namespace {

const std::string kExamples = BATCHSQL_SOURCE_DIR "/config/examples/";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

Options LoadExample(const std::string& text) {
  absl::StatusOr<Options> options =
      ParseText(text, "example", TestVariables({{"MYSQL_PASSWORD", "secret"}}));
  INFO(options.status().ToString());
  REQUIRE(options.ok());
  return *std::move(options);
}

void Replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

// The keys that a document holds, as AcceptedKeys writes them.
void CollectKeys(const YAML::Node& node, const std::string& pattern, std::set<std::string>* keys) {
  for (const auto& pair : node) {
    const std::string key = (pattern.empty() ? "" : pattern + ".") + pair.first.as<std::string>();
    keys->insert(key);
    if (pair.second.IsMap()) CollectKeys(pair.second, key, keys);
    if (!pair.second.IsSequence()) continue;
    for (const YAML::Node& element : pair.second) CollectKeys(element, key + "[]", keys);
  }
}

TEST_CASE("full.yaml holds every key with its default") {
  CHECK(LoadExample(ReadAll(kExamples + "full.yaml")) == DefaultOptions());
  std::set<std::string> keys;
  CollectKeys(YAML::LoadFile(kExamples + "full.yaml"), "", &keys);
  // By default there is no environment to hold keys.
  for (const auto& pair : YAML::LoadFile(kExamples + "environments.yaml")["environments"]) {
    CollectKeys(pair.second, "environments.*", &keys);
  }
  CHECK(keys == AcceptedKeys());
}

TEST_CASE("The examples load") {
  const Options sqlite = LoadExample(ReadAll(kExamples + "sqlite.yaml"));
  CHECK(sqlite.targets[0].kind == TargetKind::kSqlite);
  CHECK(sqlite.tables.size() == 2);

  std::string text = ReadAll(kExamples + "postgresql.yaml");
  Replace(text, "${file:/run/secrets/postgresql-password}", "secret");
  const Options postgresql = LoadExample(text);
  CHECK(postgresql.targets[0].dsn ==
        "host=127.0.0.1 port=5432 dbname=app user=batchsql password='secret'");
  CHECK(postgresql.tables[1].rule ==
        WriteRule{Conflict::kUpdate, {"account_id"}, {"balance", "updated_at"}, false});

  const Options mysql = LoadExample(ReadAll(kExamples + "mysql.yaml"));
  CHECK(mysql.targets[0].dsn == "mysql://batchsql:secret@127.0.0.1:3306/app");
  CHECK(mysql.tables[1].rule.any_unique_key);

  const Options places = LoadExample(ReadAll(kExamples + "environments.yaml"));
  REQUIRE(places.environments.size() == 3);
  CHECK(places.environments[1].metrics_prefix == "prod_");
}

TEST_CASE("No example is left untested") {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kExamples)) {
    names.insert(entry.path().filename().string());
  }
  CHECK(names == std::set<std::string>{"environments.yaml", "full.yaml", "mysql.yaml",
                                       "postgresql.yaml", "sqlite.yaml"});
}

TEST_CASE("The reference documents every key and no other") {
  std::set<std::string> documented;
  std::ifstream file(BATCHSQL_SOURCE_DIR "/docs/configuration.md");
  REQUIRE(file.good());
  bool in_keys = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| ")) {
      if (in_keys && line.starts_with("| `"))
        documented.insert(line.substr(3, line.find('`', 3) - 3));
      if (line.starts_with("| key |")) in_keys = true;
    } else {
      in_keys = false;
    }
  }
  CHECK(documented == AcceptedKeys());
}

TEST_CASE("The reference's defaults are those of full.yaml") {
  const std::string reference = ReadAll(BATCHSQL_SOURCE_DIR "/docs/configuration.md");
  const YAML::Node full = YAML::LoadFile(kExamples + "full.yaml");
  const auto check = [&](const std::string& key, const YAML::Node& node) {
    const std::string value = node.Scalar().empty() ? "\"\"" : node.Scalar();
    const size_t row = reference.find("| `" + key + "` |");
    CAPTURE(key, value);
    REQUIRE(row != std::string::npos);
    const std::string line = reference.substr(row, reference.find('\n', row) - row);
    CHECK(line.find(" | `" + value + "` | ") != std::string::npos);
  };
  for (const std::string section : {"grpc", "http", "monitoring", "limits", "shutdown", "log"}) {
    for (const auto& pair : full[section]) {
      check(section + "." + pair.first.as<std::string>(), pair.second);
    }
  }
  for (const auto& pair : full["tables"][0]["batch"]) {
    check("tables[].batch." + pair.first.as<std::string>(), pair.second);
  }
  check("targets[].connections_max", full["targets"][0]["connections_max"]);
  check("data_dir", full["data_dir"]);
}

}  // namespace
}  // namespace batchsql
