#include "server/grpc/admin_service.h"

#include <string>

#include "server/version.h"

namespace batchsql {
namespace {

void FillTable(const Pipeline& pipeline, v1::TableStatus* table) {
  const PipelineStatus status = pipeline.status();
  table->set_table(pipeline.options().label);
  table->set_target(pipeline.target().name());
  table->set_state(std::string(PipelineStateName(status.state)));
  table->set_last_error(status.last_error);
  table->set_queued_rows(status.queued_rows);
  table->set_queued_bytes(status.queued_bytes);
  table->set_received_rows(status.received_rows);
  table->set_rejected_rows(status.rejected_rows);
  table->set_coalesced_rows(status.coalesced_rows);
  table->set_committed_rows(status.committed_rows);
  table->set_failed_rows(status.failed_rows);
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::Status(grpc::CallbackServerContext* context,
                                               const v1::StatusRequest* /*request*/,
                                               v1::StatusResponse* response) {
  const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - started_;
  response->set_version(kVersion);
  response->set_uptime_seconds(uptime.count());
  response->set_buffered_bytes(ingestor_.budget().used_bytes());
  response->set_buffered_bytes_max(ingestor_.budget().bytes_max());
  for (const Target* target : ingestor_.targets()) {
    v1::TargetStatus* const status = response->add_targets();
    status->set_name(target->name());
    status->set_kind(target->kind());
    status->set_connections(target->connections());
    status->set_connections_max(target->connections_max());
  }
  for (const Pipeline* pipeline : ingestor_.pipelines()) {
    FillTable(*pipeline, response->add_tables());
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace batchsql
