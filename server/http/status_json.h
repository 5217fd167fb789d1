#pragma once

#include <string>

#include "core/clock.h"
#include "core/disk_budget.h"
#include "core/ingestor.h"
#include "server/last_reload.h"

namespace batchsql {

// What the status page shows, as one JSON object: `version`, `uptime_seconds`, `memory`, `journal`,
// `reload`, `targets[]` and `pipelines[]`. Mean values are null where nothing was flushed within a
// minute.
std::string StatusJson(const Ingestor& ingestor, const DiskBudget& journals,
                       const LastReload& last_reload, Duration uptime);

}  // namespace batchsql
