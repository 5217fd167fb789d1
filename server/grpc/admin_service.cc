#include "server/grpc/admin_service.h"

#include <string>
#include <utility>

#include "server/grpc/audit_call.h"
#include "server/grpc/letter_calls.h"
#include "server/grpc/producer_calls.h"
#include "server/grpc/reconcile_call.h"
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
  table->set_recovered_rows(status.recovered_rows);
  table->set_deduplicated_rows(status.deduplicated_rows);
  table->set_lost_rows(status.lost_rows);
  table->set_replayed_rows(status.replayed_rows);
  table->set_dead_letters(status.dead_letters);
  table->set_drift(status.drift);
}

void FillConfiguration(const LastReload::Outcome& outcome, v1::ConfigurationStatus* status) {
  const auto since_epoch = outcome.time.time_since_epoch();
  status->set_last_reload_time_ms(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()));
  status->set_last_reload_successful(outcome.error.empty());
  status->set_error(outcome.error);
  for (const std::string& key : outcome.ignored_keys) status->add_ignored_keys(key);
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
  for (const Pipeline* pipeline : ingestor_.leaving()) {
    v1::TableStatus* const table = response->add_tables();
    FillTable(*pipeline, table);
    table->set_state("removed");
  }
  FillConfiguration(last_reload_.Get(), response->mutable_configuration());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  metrics_.status.Finish(reactor, grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Queue(CallQueue& calls,
                                              grpc::CallbackServerContext* context,
                                              CallMetrics& metrics,
                                              absl::AnyInvocable<absl::Status()> call) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  CallQueue::Call queued = [reactor, &metrics, call = std::move(call)]() mutable {
    metrics.Finish(reactor, ToGrpcStatus(call()));
  };
  if (!calls.Add(queued)) {
    metrics.Finish(reactor, ToGrpcStatus(absl::ResourceExhaustedError("too many such calls wait")));
  }
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::ListDeadLetters(grpc::CallbackServerContext* context,
                                                        const v1::ListDeadLettersRequest* request,
                                                        v1::ListDeadLettersResponse* response) {
  return Queue(calls_, context, metrics_.list_dead_letters,
               [=, this] { return ListLetters(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::GetDeadLetter(grpc::CallbackServerContext* context,
                                                      const v1::GetDeadLetterRequest* request,
                                                      v1::GetDeadLetterResponse* response) {
  return Queue(calls_, context, metrics_.get_dead_letter,
               [=, this] { return GetLetter(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ReplayDeadLetters(
    grpc::CallbackServerContext* context, const v1::ReplayDeadLettersRequest* request,
    v1::ReplayDeadLettersResponse* response) {
  return Queue(calls_, context, metrics_.replay_dead_letters,
               [=, this] { return ReplayLetters(ingestor_, limits_.Get(), *request, response); });
}

grpc::ServerUnaryReactor* AdminService::PurgeDeadLetters(grpc::CallbackServerContext* context,
                                                         const v1::PurgeDeadLettersRequest* request,
                                                         v1::PurgeDeadLettersResponse* response) {
  return Queue(calls_, context, metrics_.purge_dead_letters,
               [=, this] { return PurgeLetters(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::Audit(grpc::CallbackServerContext* context,
                                              const v1::AuditRequest* request,
                                              v1::AuditResponse* response) {
  return Queue(audits_, context, metrics_.audit,
               [=, this] { return AuditTable(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ListProducers(grpc::CallbackServerContext* context,
                                                      const v1::ListProducersRequest* request,
                                                      v1::ListProducersResponse* response) {
  return Queue(calls_, context, metrics_.list_producers,
               [=, this] { return batchsql::ListProducers(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ForgetProducers(grpc::CallbackServerContext* context,
                                                        const v1::ForgetProducersRequest* request,
                                                        v1::ForgetProducersResponse* response) {
  return Queue(calls_, context, metrics_.forget_producers,
               [=, this] { return batchsql::ForgetProducers(ingestor_, *request, response); });
}

grpc::ServerUnaryReactor* AdminService::ReconcileTable(grpc::CallbackServerContext* context,
                                                       const v1::ReconcileTableRequest* request,
                                                       v1::ReconcileTableResponse* response) {
  return Queue(calls_, context, metrics_.reconcile_table,
               [=, this] { return batchsql::ReconcileTable(ingestor_, *request, response); });
}

}  // namespace batchsql
