#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/connection.h"

namespace batchsql::cli {
namespace {

StopFlags g_stop;  // a signal handler has no other way

// The second one, should nobody heed it, ends the program as usual.
void OnSignal(int /*signal*/) {
  if (g_stop.stop.exchange(true) && g_stop.abort.exchange(true)) _exit(kExitInterrupted);
}

void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int Complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "batchsql: %s\n", what.c_str());
  return exit_code;
}

void Complain(const LoadOutcome& outcome) {
  const std::string acknowledged =
      absl::StrCat(WithSeparators(outcome.rows), " rows were acknowledged");
  if (!outcome.server.ok() && !g_stop.abort) {
    Complain(absl::StrCat("the server refused or was lost: ", Describe(outcome.server), "; ",
                          acknowledged, " before"),
             kExitServer);
  }
  if (absl::IsCancelled(outcome.input)) {
    Complain(absl::StrCat("interrupted; ", acknowledged), kExitInterrupted);
  } else if (!outcome.input.ok()) {
    Complain(absl::StrCat(outcome.input.message(), "; ", acknowledged), kExitUsage);
  }
}

int ExitCodeOf(const LoadOutcome& outcome) {
  if (g_stop.stop) return kExitInterrupted;
  if (!outcome.server.ok()) return kExitServer;
  if (!outcome.input.ok()) return kExitUsage;
  return outcome.rejected > 0 ? kExitRejected : kExitOk;
}

bool IsInput(const std::string& rejects_path, const std::string& input_path) {
  std::error_code none;  // what does not exist is not the input
  return std::filesystem::equivalent(rejects_path, input_path == "-" ? "/dev/stdin" : input_path,
                                     none);
}

}  // namespace

int RunLoad(const LoadCommand& command) {
  CatchSignals();
  absl::StatusOr<InputFile> input = InputFile::Open(command.path, &g_stop.stop);
  if (!input.ok()) return Complain(std::string(input.status().message()), kExitUsage);
  if (IsInput(command.rejects_path, command.path)) {
    return Complain(
        absl::StrCat(command.rejects_path, ": is the input, which --rejects would empty"),
        kExitUsage);
  }
  Progress progress(stderr, isatty(STDERR_FILENO) != 0);
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel =
      Connect(command.server.address, command.server.connect_deadline);
  if (!channel.ok()) return Complain(std::string(channel.status().message()), kExitServer);
  // The rejects of an earlier load go only when this one begins.
  absl::StatusOr<std::unique_ptr<RejectReport>> rejects = RejectReport::Create(
      input->name(), command.rejects_path, [&](const std::string& line) { progress.Print(line); });
  if (!rejects.ok()) return Complain(std::string(rejects.status().message()), kExitUsage);

  const std::unique_ptr<v1::Ingest::Stub> stub = v1::Ingest::NewStub(*channel);
  const auto started = std::chrono::steady_clock::now();
  const LoadOutcome outcome =
      Loader(command.options, *stub, *input, **rejects, progress, g_stop).Run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;

  int exit_code = ExitCodeOf(outcome);
  if (absl::Status status = (*rejects)->Finish(); !status.ok()) {
    exit_code = Complain(absl::StrCat(command.rejects_path, ": ", status.message()), kExitUsage);
  }
  Complain(outcome);
  std::printf("load: rows=%llu rejected=%llu seconds=%.3f\n",
              static_cast<unsigned long long>(outcome.rows),
              static_cast<unsigned long long>(outcome.rejected), seconds.count());
  return exit_code;
}

}  // namespace batchsql::cli
