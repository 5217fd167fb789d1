#include "server/http/http_router.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"
#include "server/http/url.h"

namespace batchsql {
namespace {

std::vector<std::string> Segments(std::string_view path) {
  return absl::StrSplit(AsAbsl(path), '/');
}

bool IsCapture(std::string_view segment) { return segment.starts_with('{'); }

bool SameShape(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (IsCapture(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

}  // namespace

HttpRouter::HttpRouter(std::vector<HttpRoute> routes) {
  for (HttpRoute& route : routes) {
    std::vector<std::string> segments = Segments(route.pattern);
    entries_.push_back({std::move(route), std::move(segments)});
  }
}

RouteMatch HttpRouter::Match(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const std::vector<std::string> segments = Segments(path);
  for (const Entry& entry : entries_) {
    if (!SameShape(entry.segments, segments)) continue;
    const bool get = entry.route.method == "GET";
    absl::StrAppend(&match.allow, match.allow.empty() ? "" : ", ", entry.route.method,
                    get ? ", HEAD" : "");
    if (entry.route.method != method && !(get && method == "HEAD")) continue;
    match.route = &entry.route;
    for (size_t i = 0; i < segments.size(); ++i) {
      if (!IsCapture(entry.segments[i])) continue;
      std::optional<std::string> decoded = PercentDecode(segments[i]);
      match.malformed = match.malformed || !decoded;
      match.captures.push_back(std::move(decoded).value_or(""));
    }
    return match;
  }
  return match;
}

}  // namespace batchsql
