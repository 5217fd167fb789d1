#pragma once

#include <string>
#include <vector>

#include "config/options.h"

namespace batchsql {

// What a running daemon makes of a new configuration.
struct ReloadedOptions {
  Options options;  // the new ones, with the running ones' values where a restart is needed
  // The keys whose new values wait for a restart, as they are written: `targets`,
  // `tables[events].journal`.
  std::vector<std::string> ignored;
};

ReloadedOptions OptionsWhileRunning(const Options& running, Options fresh);

}  // namespace batchsql
