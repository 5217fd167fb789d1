#include "server/http/status_page.h"

#include <memory>
#include <utility>

#include "server/http/call_handler.h"
#include "server/http/page_files.h"

namespace batchsql {
namespace {

// Nothing but this host, and no script but the page's own file.
constexpr const char* kContentPolicy =
    "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

HttpRoute File(std::string path, std::string type, std::string_view content) {
  return GetRoute(std::move(path), [type = std::move(type), content] {
    HttpResponse response;
    response.content_type = type;
    response.headers.emplace_back("Content-Security-Policy", kContentPolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.body = std::string(content);
    return response;
  });
}

}  // namespace

std::vector<HttpRoute> MakeStatusPage(std::function<std::string()> report) {
  std::vector<HttpRoute> routes;
  routes.push_back(File("/", "text/html; charset=utf-8", kPageHtml));
  routes.push_back(File("/status.css", "text/css; charset=utf-8", kPageCss));
  routes.push_back(File("/status.js", "text/javascript; charset=utf-8", kPageScript));
  routes.push_back(GetRoute("/status.json",
                            [report = std::move(report)] { return JsonResponse(200, report()); }));
  return routes;
}

}  // namespace batchsql
