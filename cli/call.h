#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/commands.h"
#include "cli/connection.h"

namespace google::protobuf {
class Message;
}

namespace batchsql::cli {

// Says what went wrong, by default the status's message, on standard error. Returns the program's
// exit code.
int Fail(const absl::Status& status, const std::string& what);
int Fail(const absl::Status& status);

// Prints a message as JSON, with the field names of the API.
int PrintJson(const google::protobuf::Message& message);

// Connects and makes one call after the other. Used by one thread.
template <typename Stub>
class Caller {
 public:
  explicit Caller(const ServerAddress& server, std::chrono::seconds deadline = kCallDeadline)
      : server_(server), deadline_(deadline) {}

  // `method` is the stub's. An error carries what to tell the user.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    if (stub_ == nullptr) {
      const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel =
          Connect(server_.address, server_.connect_deadline);
      if (!channel.ok()) return channel.status();
      stub_ = std::make_unique<Stub>(*channel);
    }
    grpc::ClientContext context;
    SetDeadline(context, deadline_);
    Response response;
    const absl::Status status = FromGrpc((stub_.get()->*method)(&context, request, &response));
    if (!status.ok()) return absl::Status(status.code(), Describe(status));
    return response;
  }

 private:
  const ServerAddress server_;
  const std::chrono::seconds deadline_;  // of each call
  std::unique_ptr<Stub> stub_;
};

}  // namespace batchsql::cli
