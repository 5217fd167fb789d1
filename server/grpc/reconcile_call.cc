#include "server/grpc/reconcile_call.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/grpc/find_pipeline.h"

namespace batchsql {
namespace {

constexpr int kColumnsMax = 1000;  // of one call

}  // namespace

absl::Status ReconcileTable(const Ingestor& ingestor, const v1::ReconcileTableRequest& request,
                            v1::ReconcileTableResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindPipeline(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  if (request.ignored_columns_size() > kColumnsMax) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kColumnsMax, " columns"));
  }
  const absl::StatusOr<PipelineStatus> before =
      (*pipeline)->Reconcile({request.ignored_columns().begin(), request.ignored_columns().end()});
  if (!before.ok()) return before.status();
  response->set_table((*pipeline)->options().label);
  response->set_target((*pipeline)->target().name());
  response->set_state(std::string(PipelineStateName(before->state)));
  response->set_last_error(before->last_error);
  response->set_drift(before->drift);
  response->set_queued_rows(before->queued_rows);
  return absl::OkStatus();
}

}  // namespace batchsql
