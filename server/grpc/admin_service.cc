#include "server/grpc/admin_service.h"

#include <string>
#include <utility>

#include "server/grpc/letter_calls.h"
#include "server/grpc/producer_calls.h"
#include "server/grpc/status_details.h"
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
  table->set_dead_lettered_rows(status.dead_lettered_rows);
  table->set_replayed_rows(status.replayed_rows);
  table->set_dead_letters(status.dead_letters);
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

grpc::ServerUnaryReactor* AdminService::Queue(grpc::CallbackServerContext* context,
                                              absl::AnyInvocable<absl::Status()> call) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  CallQueue::Call queued = [reactor, call = std::move(call)]() mutable {
    reactor->Finish(ToGrpcStatus(call()));
  };
  if (!calls_.Add(queued)) {
    reactor->Finish(ToGrpcStatus(absl::ResourceExhaustedError("too many such calls wait")));
  }
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::ListDeadLetters(grpc::CallbackServerContext* context,
                                                        const v1::ListDeadLettersRequest* request,
                                                        v1::ListDeadLettersResponse* response) {
  return Queue(context, [=, this] { return ListLetters(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::GetDeadLetter(grpc::CallbackServerContext* context,
                                                      const v1::GetDeadLetterRequest* request,
                                                      v1::GetDeadLetterResponse* response) {
  return Queue(context, [=, this] { return GetLetter(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ReplayDeadLetters(
    grpc::CallbackServerContext* context, const v1::ReplayDeadLettersRequest* request,
    v1::ReplayDeadLettersResponse* response) {
  return Queue(context,
               [=, this] { return ReplayLetters(ingestor_, limits_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::PurgeDeadLetters(grpc::CallbackServerContext* context,
                                                         const v1::PurgeDeadLettersRequest* request,
                                                         v1::PurgeDeadLettersResponse* response) {
  return Queue(context, [=, this] { return PurgeLetters(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ListProducers(grpc::CallbackServerContext* context,
                                                      const v1::ListProducersRequest* request,
                                                      v1::ListProducersResponse* response) {
  return Queue(context,
               [=, this] { return batchsql::ListProducers(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ForgetProducers(grpc::CallbackServerContext* context,
                                                        const v1::ForgetProducersRequest* request,
                                                        v1::ForgetProducersResponse* response) {
  return Queue(context,
               [=, this] { return batchsql::ForgetProducers(ingestor_, *request, response); });
}

}  // namespace batchsql
