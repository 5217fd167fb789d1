#pragma once

#include "config/options.h"
#include "core/target.h"

namespace batchsql {

// Makes connections of the kind that the target is of. The one place that knows the executors.
Target::ExecutorFactory MakeExecutorFactory(const TargetOptions& options);

}  // namespace batchsql
