#include "server/grpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/grpc/admin_service.h"
#include "server/grpc/ingest_service.h"

namespace batchsql {

struct GrpcServer::Impl {
  Impl(const LiveLimits& limits, const LastReload& last_reload, Ingestor& ingestor,
       MetricRegistry& registry)
      : metrics(registry),
        ingest(ingestor, limits, metrics),
        admin(ingestor, limits, last_reload, metrics) {}

  GrpcMetrics metrics;
  IngestService ingest;
  AdminService admin;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GrpcServer::~GrpcServer() {
  if (impl_->server != nullptr) Shutdown(std::chrono::system_clock::now());
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const std::string& listen,
                                                              const LiveLimits& limits,
                                                              const LastReload& last_reload,
                                                              Ingestor& ingestor,
                                                              MetricRegistry& registry) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto impl = std::make_unique<Impl>(limits, last_reload, ingestor, registry);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &impl->port);
  builder.RegisterService(&impl->ingest);
  builder.RegisterService(&impl->admin);
  // Two processes that share a port would share its clients.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // gRPC's own limit lies above ours, whose message names the setting.
  const uint64_t bytes_max =
      std::min<uint64_t>(limits.Get().request_bytes_max * 2, std::numeric_limits<int>::max());
  builder.SetMaxReceiveMessageSize(static_cast<int>(bytes_max));
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || impl->port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen, " for gRPC (grpc.listen): is the port in use?"));
  }
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::move(impl)));
  server->SetReady(false);
  return server;
}

int GrpcServer::port() const { return impl_->port; }

void GrpcServer::SetReady(bool ready) {
  grpc::HealthCheckServiceInterface& health = *impl_->server->GetHealthCheckService();
  health.SetServingStatus(ready);
  // Asked by name, a service that was never set is unknown.
  health.SetServingStatus(v1::Ingest::service_full_name(), ready);
  health.SetServingStatus(v1::Admin::service_full_name(), ready);
}

void GrpcServer::StopStreams() { impl_->ingest.StopStreams(); }

void GrpcServer::Shutdown(std::chrono::system_clock::time_point deadline) {
  impl_->server->Shutdown(deadline);
  impl_->server->Wait();
  impl_->server.reset();
}

}  // namespace batchsql
