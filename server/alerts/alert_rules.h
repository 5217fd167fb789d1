#pragma once

#include <optional>
#include <string>

#include "core/ingestor.h"
#include "core/pipeline.h"
#include "server/alerts/alert.h"

namespace batchsql {

// What is wrong with a pipeline that one of the alerts is for; nullopt: nothing. Pure.
std::optional<Problem> FindProblem(const std::string& database, const std::string& table,
                                   const PipelineStatus& status);

// What is wrong with the pipelines as they are now.
Findings FindProblems(const Ingestor& ingestor);

}  // namespace batchsql
