#include "server/grpc/find_pipeline.h"

#include "absl/strings/str_cat.h"

namespace batchsql {

absl::StatusOr<Pipeline*> FindPipeline(const Ingestor& ingestor, const std::string& table) {
  for (Pipeline* pipeline : ingestor.pipelines()) {
    const std::string& label = pipeline->options().label;
    if (label == table || absl::StrCat(pipeline->target().name(), "/", label) == table) {
      return pipeline;
    }
  }
  return absl::NotFoundError(absl::StrCat("no rows were written to a table ", table));
}

}  // namespace batchsql
