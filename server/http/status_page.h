#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/http/http_router.h"

namespace batchsql {

// GET /, /status.css, /status.js and /status.json: the status page, from server/http/page. It loads
// nothing from elsewhere. `report` gives the JSON that it polls; it is called from many threads.
std::vector<HttpRoute> MakeStatusPage(std::function<std::string()> report);

}  // namespace batchsql
