#include "server/grpc/ingest_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/strings.h"
#include "server/grpc/status_details.h"
#include "server/grpc/write_call.h"
#include "server/grpc/write_stream_call.h"

namespace batchsql {
namespace {

std::string TypeName(const Column& column) {
  if (column.type != ColumnType::kArray) return std::string(ColumnTypeName(column.type));
  return absl::StrCat("array of ", AsAbsl(ColumnTypeName(column.element)));
}

void Describe(const Pipeline& pipeline, const TableSchema& schema,
              v1::DescribeTableResponse* response) {
  response->set_table(pipeline.options().label);
  response->set_target(pipeline.target().name());
  for (const Column& column : schema.columns()) {
    if (column.generated) continue;
    v1::ColumnDescription* const description = response->add_columns();
    description->set_name(column.name);
    description->set_type(TypeName(column));
    description->set_native_type(column.native_type);
    description->set_nullable(column.nullable);
    description->set_has_default(column.has_default);
  }
  for (uint16_t index : schema.conflict_key()) response->add_key(schema.column(index).name);
  response->set_conflict(std::string(ConflictName(schema.conflict())));
}

}  // namespace

grpc::ServerUnaryReactor* IngestService::Write(grpc::CallbackServerContext* /*context*/,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  return ServeWrite(ingestor_, limits_.Get(), metrics_, *request, response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestService::WriteStream(
    grpc::CallbackServerContext* /*context*/) {
  return MakeWriteStreamCall(ingestor_, limits_, metrics_, streams_);
}

grpc::ServerUnaryReactor* IngestService::DescribeTable(grpc::CallbackServerContext* context,
                                                       const v1::DescribeTableRequest* request,
                                                       v1::DescribeTableResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<Pipeline*> pipeline = ingestor_.Find(request->table());
  if (!pipeline.ok()) {
    metrics_.describe_table.Finish(reactor, ToGrpcStatus(pipeline.status()));
    return reactor;
  }
  (*pipeline)->Open({}, [this, reactor, response,
                         pipeline = *pipeline](const absl::StatusOr<Pipeline::Schema>& schema) {
    // While the database is away, what the table was like when it was last seen: rows are checked
    // against it, too.
    const Pipeline::Schema known = pipeline->schema();
    const bool away = absl::IsUnavailable(schema.status()) && known != nullptr &&
                      pipeline->status().state != PipelineState::kStopped;
    if (schema.ok()) Describe(*pipeline, **schema, response);
    if (away) Describe(*pipeline, *known, response);
    metrics_.describe_table.Finish(reactor,
                                   away ? grpc::Status::OK : ToGrpcStatus(schema.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* IngestService::ListTables(grpc::CallbackServerContext* context,
                                                    const v1::ListTablesRequest* /*request*/,
                                                    v1::ListTablesResponse* response) {
  for (const Pipeline* pipeline : ingestor_.pipelines()) {
    v1::TableSummary* const table = response->add_tables();
    table->set_table(pipeline->options().label);
    table->set_target(pipeline->target().name());
    table->set_state(std::string(PipelineStateName(pipeline->status().state)));
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  metrics_.list_tables.Finish(reactor, grpc::Status::OK);
  return reactor;
}

}  // namespace batchsql
