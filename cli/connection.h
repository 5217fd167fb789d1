#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace batchsql::cli {

// A connection to the daemon that has been made, without TLS. UNAVAILABLE with a line for the user
// when nobody answers; at once when the connection is refused.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address,
                                                       std::chrono::milliseconds deadline);

// Sets the deadline of a short call.
inline constexpr std::chrono::seconds kCallDeadline{30};
void SetDeadline(grpc::ClientContext& context, std::chrono::seconds deadline = kCallDeadline);

absl::Status FromGrpc(const grpc::Status& status);

// "NOT_FOUND: …", as the user is shown it.
std::string Describe(const absl::Status& status);

}  // namespace batchsql::cli
