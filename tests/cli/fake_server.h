#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "batchsql/v1/ingest.grpc.pb.h"
#include "core/mutex.h"

namespace batchsql::cli {

// An Ingest service on a free loopback port that does what a test tells it.
class FakeServer : public v1::Ingest::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::WriteStreamResponse, v1::WriteStreamRequest>;

  FakeServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() override { server_->Shutdown(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // What DescribeTable answers; without, NOT_FOUND.
  std::vector<std::pair<std::string, std::string>> columns;
  // Serves the stream.
  std::function<grpc::Status(Stream& stream)> serve;

  grpc::Status DescribeTable(grpc::ServerContext* /*context*/,
                             const v1::DescribeTableRequest* /*request*/,
                             v1::DescribeTableResponse* response) override {
    if (columns.empty()) return {grpc::StatusCode::NOT_FOUND, "no such table"};
    for (const auto& [name, type] : columns) {
      v1::ColumnDescription* const column = response->add_columns();
      column->set_name(name);
      column->set_type(type);
    }
    return grpc::Status::OK;
  }

  grpc::Status WriteStream(grpc::ServerContext* /*context*/, Stream* stream) override {
    return serve(*stream);
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace batchsql::cli
