#pragma once

#include <string>

#include "config/options.h"

namespace batchsql {

// What the daemon would do, for people: what `--check` prints. Without secrets.
std::string Describe(const Options& options);

}  // namespace batchsql
