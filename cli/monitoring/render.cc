#include "cli/monitoring/render.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/http/http_client.h"
#include "cli/monitoring/durations.h"
#include "cli/monitoring/prefix_names.h"
#include "cli/monitoring/shipped_files.h"
#include "config/url.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

using nlohmann::ordered_json;

// As the shipped files have them.
constexpr char kGrafanaUrl[] = "http://localhost:3000";
constexpr char kRunbooks[] = "/public/docs/runbooks";
constexpr char kTarget[] = "'batchsqld:8080'";
constexpr char kAlertmanager[] = "'alertmanager:9093'";
constexpr char kAlerting[] = "    - static_configs:\n        - targets: ['alertmanager:9093']";
constexpr char kAlertmanagerJob[] = "    static_configs:\n      - targets: ['alertmanager:9093']";
constexpr size_t kEnvironmentBytesMax = 19;  // of the 40 that Grafana grants a uid

using Replacement = std::pair<std::string, std::string>;

// A string in YAML.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

void ReplaceTargets(const RenderOptions& options, std::vector<Replacement>* all) {
  if (options.targets.empty()) return;
  std::vector<std::string> quoted;
  std::transform(options.targets.begin(), options.targets.end(), std::back_inserter(quoted),
                 Quoted);
  const std::string targets = absl::StrJoin(quoted, ", ");
  all->emplace_back(kTarget, targets);
  if (options.instance.empty()) return;
  all->emplace_back(
      absl::StrCat(kTarget, "]"),
      absl::StrCat(targets, "]\n        labels: {instance: ", Quoted(options.instance), "}"));
}

bool IsUrl(const std::string& address) { return absl::StrContains(address, "://"); }

// An address with a port, which Prometheus needs where a scheme would tell another.
std::string WithPort(const std::string& authority, bool is_tls) {
  if (absl::StrContains(authority, ':') && !authority.ends_with(']')) return authority;
  return absl::StrCat(authority, is_tls ? ":443" : ":80");
}

// The block with settings before its targets, and another address.
std::string Changed(const char* block, const std::vector<std::string>& settings, const char* indent,
                    const std::string& address) {
  std::string before;
  for (const std::string& setting : settings) absl::StrAppend(&before, setting, "\n", indent);
  return absl::StrReplaceAll(
      block, {{"static_configs", before + "static_configs"}, {kAlertmanager, address}});
}

// Prometheus takes a URL in parts, to send alerts there and to scrape it.
void ReplaceAlertmanagerUrl(const std::string& url, std::vector<Replacement>* all) {
  const std::string base = *ParseBaseUrl(url);
  const bool is_tls = base.starts_with("https:");
  const size_t host = base.find("://") + 3;
  const size_t path = std::min(base.find('/', host), base.size());
  const std::string address = Quoted(WithPort(base.substr(host, path - host), is_tls));
  std::vector<std::string> sent;
  std::vector<std::string> scraped;
  if (is_tls) sent = scraped = {"scheme: https"};
  if (path < base.size()) {
    sent.push_back("path_prefix: " + Quoted(base.substr(path)));
    scraped.push_back("metrics_path: " + Quoted(base.substr(path) + "/metrics"));
  }
  all->emplace_back(kAlerting, Changed(kAlerting, sent, "      ", address));
  all->emplace_back(kAlertmanagerJob, Changed(kAlertmanagerJob, scraped, "    ", address));
}

void ReplaceAlertmanager(const RenderOptions& options, std::vector<Replacement>* all) {
  if (IsUrl(options.alertmanager)) {
    ReplaceAlertmanagerUrl(options.alertmanager, all);
  } else if (!options.alertmanager.empty()) {
    all->emplace_back(kAlertmanager, Quoted(options.alertmanager));
  }
}

// What is replaced as it stands, in files of every kind. Of two that match, the longer wins.
std::vector<Replacement> Replacements(const RenderOptions& options) {
  std::vector<Replacement> all;
  if (!options.grafana_url.empty()) all.emplace_back(kGrafanaUrl, *BaseUrl(options.grafana_url));
  if (!options.runbook_base.empty()) {
    const std::string base = *BaseUrl(options.runbook_base);
    all.emplace_back(absl::StrCat(kGrafanaUrl, kRunbooks), base);
    all.emplace_back(absl::StrCat("\"", kRunbooks), absl::StrCat("\"", base));
  }
  ReplaceTargets(options, &all);
  ReplaceAlertmanager(options, &all);
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
        absl::StrCat("'", options.environment,
                     "' is no environment that Grafana's uids can hold: "
                     "expected at most ",
                     kEnvironmentBytesMax, " letters, digits, - and _"));
  }
  for (const std::string& url : {options.grafana_url, options.runbook_base}) {
    if (url.empty()) continue;
    if (const auto base = BaseUrl(url); !base.ok()) return base.status();
  }
  if (!IsUrl(options.alertmanager)) return absl::OkStatus();
  if (const auto base = ParseBaseUrl(options.alertmanager); !base.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--alertmanager: ", base.status().message()));
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
