#include "cli/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

// A table with many thousands of rejected rows in one answer.
constexpr int kAnswerBytesMax = 256 << 20;
// On a machine that is short of time the first try may fail; a daemon that is not there should not
// keep anybody waiting.
constexpr std::chrono::seconds kMoreTries{1};
constexpr int kReconnectMs = 200;

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address,
                                                       std::chrono::milliseconds deadline) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  auto until = std::chrono::system_clock::now() + deadline;
  grpc_connectivity_state state = channel->GetState(true);
  while (state != GRPC_CHANNEL_READY) {
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) {
      until = std::min(until, std::chrono::system_clock::now() + kMoreTries);
    }
    if (state == GRPC_CHANNEL_SHUTDOWN || !channel->WaitForStateChange(state, until)) {
      return absl::UnavailableError(
          absl::StrCat("cannot reach ", address, ": is batchsqld running?"));
    }
    state = channel->GetState(true);
  }
  return channel;
}

void SetDeadline(grpc::ClientContext& context, std::chrono::seconds deadline) {
  context.set_deadline(std::chrono::system_clock::now() + deadline);
}

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

std::string Describe(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

}  // namespace batchsql::cli
