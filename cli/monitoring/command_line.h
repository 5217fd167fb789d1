#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/call.h"
#include "cli/monitoring/commands.h"

namespace batchsql::cli {

// The options of all of them; the one that is asked for uses its part.
struct MonitoringCommands {
  RenderCommand render;
  InstallCommand install;
  BackupCommand backup;
};

// Notes which options stand on the command line, or in their environment variables.
void NoteGiven(const CLI::App& command, DaemonFile* file);

// Adds --config and --environment; `what` is said of the latter.
void AddFile(CLI::App* command, DaemonFile* file, std::string* environment, const char* what);

// Makes `run` do a command once the file has filled in what the command line left out.
template <typename Command>
void RunFilled(CLI::App* app, Command* command, int (*action)(const Command&),
               std::function<int()>* run) {
  app->callback([=] {
    NoteGiven(*app, &command->file);
    *run = [=] {
      const absl::Status filled = FillFromFile(command);
      return filled.ok() ? action(*command) : Fail(filled);
    };
  });
}

// Adds --token-file, --user and --password-file.
void AddLogin(CLI::App* command, LoginOptions* login);

// Adds `monitoring` with its commands to the program; `run` is set by the one that is asked for.
void AddMonitoring(CLI::App& app, MonitoringCommands* commands, std::function<int()>* run);

}  // namespace batchsql::cli
