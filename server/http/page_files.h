#pragma once

#include <string_view>

namespace batchsql {

// The files of server/http/page, compiled in.
extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageScript;

}  // namespace batchsql
