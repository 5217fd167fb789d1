#include "cli/monitoring/render.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/http/http_client.h"
#include "cli/monitoring/durations.h"
#include "cli/monitoring/prefix_names.h"
#include "cli/monitoring/shipped_files.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

using nlohmann::ordered_json;

// As the shipped files have them.
constexpr char kGrafanaUrl[] = "http://localhost:3000";
constexpr char kRunbooks[] = "/public/docs/runbooks";
constexpr char kTarget[] = "'batchsqld:8080'";
constexpr char kAlertmanager[] = "'alertmanager:9093'";
constexpr size_t kEnvironmentBytesMax = 19;  // of the 40 that Grafana grants a uid

std::string Quoted(const std::string& address) { return absl::StrCat("'", address, "'"); }

// What is replaced as it stands, in files of every kind. Of two that match, the longer wins.
std::vector<std::pair<std::string, std::string>> Replacements(const RenderOptions& options) {
  std::vector<std::pair<std::string, std::string>> all;
  if (!options.grafana_url.empty()) all.emplace_back(kGrafanaUrl, *BaseUrl(options.grafana_url));
  if (!options.runbook_base.empty()) {
    const std::string base = *BaseUrl(options.runbook_base);
    all.emplace_back(absl::StrCat(kGrafanaUrl, kRunbooks), base);
    all.emplace_back(absl::StrCat("\"", kRunbooks), absl::StrCat("\"", base));
  }
  if (!options.targets.empty()) {
    std::vector<std::string> quoted;
    std::transform(options.targets.begin(), options.targets.end(), std::back_inserter(quoted),
                   Quoted);
    all.emplace_back(kTarget, absl::StrJoin(quoted, ", "));
  }
  if (!options.alertmanager.empty()) all.emplace_back(kAlertmanager, Quoted(options.alertmanager));
  if (!options.environment.empty()) {
    for (const char* uid : {"batchsql-overview", "batchsql-integrity", "batchsql-performance",
                            "batchsql-data-integrity"}) {
      all.emplace_back(uid, absl::StrCat(uid, "-", options.environment));
    }
    for (const char* line : {"folderUid: batchsql", "- name: batchsql"}) {
      all.emplace_back(absl::StrCat(line, "\n"),
                       absl::StrCat(line, "-", options.environment, "\n"));
    }
    all.emplace_back("folder: BatchSQL", absl::StrCat("folder: BatchSQL ", options.environment));
  }
  return all;
}

void PrefixStrings(ordered_json& json, const std::string& prefix) {
  for (auto& [key, value] : json.items()) {
    if (value.is_structured()) {
      PrefixStrings(value, prefix);
    } else if (value.is_string() && (key == "expr" || key == "query")) {
      value = PrefixExpression(value.get<std::string>(), prefix);
    }
  }
}

ordered_json Dashboard(const std::string& text, const RenderOptions& options) {
  ordered_json dashboard = ordered_json::parse(text);
  PrefixStrings(dashboard, options.prefix);
  if (!options.environment.empty()) {
    std::string& title = dashboard.at("title").get_ref<std::string&>();
    absl::StrAppend(&title, " (", options.environment, ")");
  }
  return dashboard;
}

std::string ShortenedYaml(const std::string& text, int factor) {
  return absl::StrCat("# For a drill: durations and ages are 1/", factor,
                      " of the real ones, which the texts still tell.\n",
                      ShortenDurations(text, factor));
}

std::string Replaced(const ShippedFile& file, const RenderOptions& options) {
  return absl::StrReplaceAll(AsAbsl(file.text), Replacements(options));
}

std::string Rendered(const ShippedFile& file, const RenderOptions& options) {
  std::string text = Replaced(file, options);
  if (file.path.ends_with(".json")) {
    return absl::StrCat(Dashboard(text, options).dump(2), "\n");
  }
  text = PrefixYaml(text, options.prefix);
  if (options.shorten == 1 || !file.path.starts_with("prometheus/")) return text;
  return ShortenedYaml(text, options.shorten);
}

}  // namespace

absl::Status CheckOptions(const RenderOptions& options) {
  if (absl::Status prefix = CheckPrefix(options.prefix); !prefix.ok()) return prefix;
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  };
  if (options.environment.size() > kEnvironmentBytesMax ||
      !std::all_of(options.environment.begin(), options.environment.end(), allowed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", options.environment, "' is no environment: at most ",
                     kEnvironmentBytesMax, " letters, digits, - and _"));
  }
  for (const std::string& url : {options.grafana_url, options.runbook_base}) {
    if (url.empty()) continue;
    if (const auto base = BaseUrl(url); !base.ok()) return base.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RenderedFile>> Render(const RenderOptions& options) {
  if (absl::Status checked = CheckOptions(options); !checked.ok()) return checked;
  std::vector<RenderedFile> files;
  for (const ShippedFile& file : ShippedFiles()) {
    if (options.shorten > 1 && file.path.starts_with("prometheus/tests/")) continue;
    files.push_back({std::string(file.path), Rendered(file, options)});
  }
  return files;
}

absl::StatusOr<std::vector<ordered_json>> RenderDashboards(const RenderOptions& options) {
  if (absl::Status checked = CheckOptions(options); !checked.ok()) return checked;
  std::vector<ordered_json> dashboards;
  for (const ShippedFile& file : ShippedFiles()) {
    if (file.path.ends_with(".json")) {
      dashboards.push_back(Dashboard(Replaced(file, options), options));
    }
  }
  return dashboards;
}

}  // namespace batchsql::cli
