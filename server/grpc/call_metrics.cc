#include "server/grpc/call_metrics.h"

#include <algorithm>
#include <utility>

#include "server/received_bytes.h"

namespace batchsql {
namespace {

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
constexpr const char* kCodeNames[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

CallMetrics::CallMetrics(MetricRegistry& registry, std::string method)
    : registry_(registry), method_(std::move(method)) {
  CounterOf(grpc::StatusCode::OK);
}

// Two threads may make the series at once: the registry gives both the same.
prometheus::Counter& CallMetrics::CounterOf(grpc::StatusCode code) {
  const size_t index = std::min(static_cast<size_t>(code), kCodes - 1);
  prometheus::Counter* counter = counters_[index].load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &registry_.AddCounter(
        {"batchsql_grpc_requests_total", "Calls that ended, by method and status code."},
        {{"method", method_}, {"code", kCodeNames[index]}});
    counters_[index].store(counter, std::memory_order_release);
  }
  return *counter;
}

void CallMetrics::Ended(grpc::StatusCode code) { CounterOf(code).Increment(); }

void CallMetrics::Finish(grpc::ServerUnaryReactor* reactor, const grpc::Status& status) {
  Ended(status.error_code());
  reactor->Finish(status);
}

GrpcMetrics::GrpcMetrics(MetricRegistry& registry)
    : write(registry, "Ingest/Write"),
      write_stream(registry, "Ingest/WriteStream"),
      describe_table(registry, "Ingest/DescribeTable"),
      list_tables(registry, "Ingest/ListTables"),
      status(registry, "Admin/Status"),
      list_dead_letters(registry, "Admin/ListDeadLetters"),
      get_dead_letter(registry, "Admin/GetDeadLetter"),
      replay_dead_letters(registry, "Admin/ReplayDeadLetters"),
      purge_dead_letters(registry, "Admin/PurgeDeadLetters"),
      audit(registry, "Admin/Audit"),
      list_producers(registry, "Admin/ListProducers"),
      forget_producers(registry, "Admin/ForgetProducers"),
      reconcile_table(registry, "Admin/ReconcileTable"),
      streams(registry.AddGauge({"batchsql_grpc_streams", "Write streams that are open."}, {})),
      received_bytes(AddReceivedBytes(registry, "grpc")) {}

}  // namespace batchsql
