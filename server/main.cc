// batchsqld: see README.md and docs/configuration.md.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "config/describe.h"
#include "config/loader.h"
#include "core/log.h"
#include "server/daemon.h"
#include "server/reloader.h"
#include "server/version.h"

namespace batchsql {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitConfiguration = 2;
constexpr int kExitSecondSignal = 130;

// Beyond shutdown.grace_ms: to answer clients and to close connections.
constexpr std::chrono::milliseconds kStopMargin{3'000};

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Blocked in every thread, so that only WaitForSignal sees them.
sigset_t AllSignals() {
  sigset_t signals = StopSignals();
  sigaddset(&signals, SIGHUP);
  return signals;
}

int WaitForSignal() {
  const sigset_t signals = AllSignals();
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

// Ends the process at once when a second signal comes, or when the stop takes too long: a thread
// that waits for a database that hangs cannot be ended otherwise.
void EndStuckStop(std::chrono::milliseconds stop_max) {
  using std::chrono::steady_clock;
  const sigset_t signals = StopSignals();
  const steady_clock::time_point deadline = steady_clock::now() + stop_max;
  while (steady_clock::now() < deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    const timespec wait{left.count() / 1000, left.count() % 1000 * 1'000'000};
    if (sigtimedwait(&signals, nullptr, &wait) > 0) _exit(kExitSecondSignal);
  }
  Log(LogLevel::kError,
      "a database did not answer within shutdown.grace_ms; what was not acknowledged may be "
      "missing");
  _exit(kExitFailure);
}

std::optional<std::string> Environment(const std::string& name) {
  // Nobody changes the environment.
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// What the command line tells of the configuration.
struct Source {
  std::string file;         // empty: the defaults
  std::string environment;  // empty: none
};

absl::StatusOr<Options> ReadOptions(const Source& source) {
  if (!source.file.empty()) return LoadFile(source.file, Environment, source.environment);
  if (source.environment.empty()) return DefaultOptions();
  return EnvironmentWithoutFile();
}

int Run(const Source& source, const Options& options) {
  SetLogLevel(options.log.level);
  for (const std::string& warning : options.warnings) Log(LogLevel::kWarning, warning);
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(options);
  if (!daemon.ok()) {
    Log(LogLevel::kError, "batchsqld cannot start",
        {{"reason", std::string(daemon.status().message())}});
    return kExitFailure;
  }
  std::optional<Reloader> reloader(std::in_place, [&] {
    Log(LogLevel::kInfo, "reloading the configuration", {{"file", source.file}});
    (*daemon)->Reload(ReadOptions(source));
  });
  while (WaitForSignal() == SIGHUP) reloader->Request();
  Log(LogLevel::kInfo, "stopping; a second signal ends the daemon at once");
  const auto stop_max = (*daemon)->shutdown_grace() + kStopMargin;
  std::thread([stop_max] { EndStuckStop(stop_max); }).detach();
  (*daemon)->Stop();
  reloader.reset();
  daemon->reset();
  Log(LogLevel::kInfo, "stopped");
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  // Debian builds Abseil without NDEBUG: each of gRPC's locks would look for cycles of locks, under
  // one lock of the whole process, and abort where it believes to have found one.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Source source;
  bool check = false;
  CLI::App app("batchsqld: takes rows one request at a time, writes them to databases in bulk");
  app.add_option("--config", source.file,
                 "configuration file (YAML); without one: SQLite, loopback")
      ->type_name("FILE");
  app.add_option("--environment", source.environment,
                 "which of the file's environments this is; by default none")
      ->type_name("NAME")
      ->envname("BATCHSQL_ENV");
  app.add_flag("--check", check,
               "check the configuration, print what the daemon would do, and exit: 0 good, 2 bad");
  app.set_version_flag("--version", std::string("batchsqld ") + kVersion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kExitConfiguration;
  }

  // Before the file is read: from here on a SIGHUP waits, and the file is read again.
  const sigset_t signals = AllSignals();
  if (!check) pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const absl::StatusOr<Options> options = ReadOptions(source);
  if (!options.ok()) {
    const std::string message(options.status().message());
    (void)std::fprintf(stderr, "%s\n", message.c_str());
    return kExitConfiguration;
  }
  if (!check) return Run(source, *options);
  (void)std::fputs(Describe(*options).c_str(), stdout);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace batchsql

int main(int argc, char** argv) { return batchsql::Main(argc, argv); }
