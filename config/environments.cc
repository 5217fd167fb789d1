// The mapping `environments`, and the choice of one of them.

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/sections.h"
#include "config/url.h"

namespace batchsql {
namespace {

constexpr size_t kPrefixBytesMax = 64;

// As [a-z][a-z0-9_]*_.
bool IsPrefix(std::string_view text) {
  return text.size() >= 2 && text.size() <= kPrefixBytesMax && text.ends_with('_') &&
         absl::ascii_islower(static_cast<unsigned char>(text[0])) &&
         absl::c_all_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return c == '_' || absl::ascii_islower(byte) || absl::ascii_isdigit(byte);
         });
}

void ReadPrefix(Reader& reader, std::string* prefix) {
  if (!reader.ReadOrEmpty("metrics_prefix", prefix)) return;
  if (prefix->empty() || IsPrefix(*prefix)) return;
  reader.Fail("metrics_prefix",
              "expected at most 64 of a–z, 0–9 and '_', a letter first and '_' last, as in prod_");
}

void ReadUrl(Reader& reader, const std::string& key, std::string* url) {
  std::string text;
  if (!reader.ReadOrEmpty(key, &text) || text.empty()) return;
  absl::StatusOr<std::string> parsed = ParseBaseUrl(text);
  if (parsed.ok()) {
    *url = *std::move(parsed);
  } else {
    reader.Fail(key, std::string(parsed.status().message()));
  }
}

EnvironmentOptions ReadEnvironment(const std::string& name, Reader& reader) {
  EnvironmentOptions environment;
  environment.name = name;
  if (uint32_t port = 0; reader.ReadInteger("metrics_port", &port, {1, 65'535, ""})) {
    environment.metrics_port = static_cast<uint16_t>(port);
  }
  ReadPrefix(reader, &environment.metrics_prefix);
  ReadUrl(reader, "grafana_url", &environment.grafana_url);
  ReadUrl(reader, "alertmanager_url", &environment.alertmanager_url);
  ReadLabel(reader, "metrics_instance", &environment.metrics_instance);
  reader.RefuseOthers();
  return environment;
}

std::string Names(const std::vector<EnvironmentOptions>& environments) {
  return absl::StrJoin(environments, ", ",
                       [](std::string* out, const EnvironmentOptions& environment) {
                         absl::StrAppend(out, environment.name);
                       });
}

}  // namespace

void ReadEnvironments(Reader& root, const std::string& selected, Options* options) {
  for (auto& [name, reader] : root.Map("environments")) {
    options->environments.push_back(ReadEnvironment(name, reader));
  }
  if (selected.empty()) return;
  const auto found = absl::c_find_if(
      options->environments,
      [&](const EnvironmentOptions& environment) { return environment.name == selected; });
  const std::string asked = absl::CEscape(selected);
  if (found != options->environments.end()) {
    options->environment = *found;
  } else if (options->environments.empty()) {
    root.Fail("environments",
              absl::StrCat("is missing: expected the environment ", asked, ", which is asked for"));
  } else {
    root.Fail("environments",
              absl::StrCat("has no environment ", asked, ", which is asked for: expected one of ",
                           Names(options->environments)));
  }
}

}  // namespace batchsql
