#include "cli/doctor/panel_queries.h"

#include <algorithm>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

// Our metrics' names with what stands before them.
std::vector<std::string> OwnNames(const std::string& expression) {
  static const std::regex kName(R"([A-Za-z0-9_:]*batchsql_[A-Za-z0-9_]+)");
  // What stands in quotes is a label's value.
  static const std::regex kString(R"("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')");
  const std::string bare = std::regex_replace(expression, kString, "");
  std::vector<std::string> names;
  for (std::sregex_iterator name(bare.begin(), bare.end(), kName), end; name != end; ++name) {
    names.push_back(name->str());
  }
  return names;
}

bool ShowsIntegrityWrong(const std::string& expression, const std::string& unit) {
  if (!absl::StrContains(expression, "batchsql_data_integrity_rate")) return false;
  const double factor = MultipliesBy(expression);
  if (factor != 1 && factor != 100) return true;
  return (unit == "percentunit" && factor != 1) || (unit == "percent" && factor != 100);
}

bool IsBareQuantile(const std::string& expression) {
  return absl::StrContains(expression, "histogram_quantile") &&
         !absl::StrContains(expression, "rate(") && !absl::StrContains(expression, "increase(");
}

bool AveragesRows(const std::string& expression) {
  static const std::regex kAverage(
      R"(\bavg\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(\s*\w*batchsql_current_rps)");
  return std::regex_search(expression, kAverage);
}

void CheckExpression(const std::string& expression, const std::string& unit,
                     const std::optional<std::string>& prefix, const std::string& where,
                     std::vector<std::string>* problems) {
  const std::vector<std::string> names = OwnNames(expression);
  if (names.empty()) return;
  if (ShowsIntegrityWrong(expression, unit)) {
    problems->push_back(absl::StrCat(where, " multiplies the integrity rate by ",
                                     MultipliesBy(expression), " and shows it as ",
                                     unit.empty() ? "a number" : unit));
  }
  if (IsBareQuantile(expression)) {
    problems->push_back(absl::StrCat(where, " has a quantile without rate"));
  }
  if (AveragesRows(expression)) {
    problems->push_back(absl::StrCat(where, " averages rows/s of several tables"));
  }
  if (!prefix.has_value()) return;
  const auto other = std::find_if(names.begin(), names.end(), [&prefix](const std::string& name) {
    return !absl::StartsWith(name, *prefix + "batchsql_");
  });
  if (other != names.end()) {
    problems->push_back(absl::StrCat(where, " asks for ", *other, ", which has another prefix"));
  }
}

void CheckPanel(const Json& panel, const std::optional<std::string>& prefix,
                std::vector<std::string>* problems) {
  const std::string where = absl::StrCat("panel '", TextOf(panel, "title"), "'");
  const std::string unit = TextOf(FieldOf(FieldOf(panel, "fieldConfig"), "defaults"), "unit");
  bool ours = false;
  for (const Json& target : FieldOf(panel, "targets")) {
    const std::string expression = TextOf(target, "expr");
    ours = ours || !OwnNames(expression).empty();
    CheckExpression(expression, unit, prefix, where, problems);
  }
  if (ours && FieldOf(panel, "alert").is_object()) {
    problems->push_back(absl::StrCat(where, " has an alert of the kind that Grafana removed"));
  }
  // A row that is folded holds its panels.
  for (const Json& inner : FieldOf(panel, "panels")) CheckPanel(inner, prefix, problems);
}

}  // namespace

double MultipliesBy(std::string_view expression) {
  static const std::regex kFactor(R"(\*\s*([0-9]+(?:\.[0-9]+)?)\b)");
  const std::string text(expression);
  double product = 1;
  for (std::sregex_iterator factor(text.begin(), text.end(), kFactor), end; factor != end;
       ++factor) {
    double number = 1;
    if (absl::SimpleAtod((*factor)[1].str(), &number)) product *= number;
  }
  return product;
}

std::vector<std::string> PanelProblems(const Json& dashboard,
                                       const std::optional<std::string>& prefix) {
  std::vector<std::string> problems;
  for (const Json& panel : FieldOf(dashboard, "panels")) CheckPanel(panel, prefix, &problems);
  return problems;
}

}  // namespace batchsql::cli
