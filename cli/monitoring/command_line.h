#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/monitoring/commands.h"

namespace batchsql::cli {

// The options of all of them; the one that is asked for uses its part.
struct MonitoringCommands {
  RenderCommand render;
  InstallCommand install;
  BackupCommand backup;
};

// Adds --token-file, --user and --password-file.
void AddLogin(CLI::App* command, LoginOptions* login);

// Adds `monitoring` with its commands to the program; `run` is set by the one that is asked for.
void AddMonitoring(CLI::App& app, MonitoringCommands* commands, std::function<int()>* run);

}  // namespace batchsql::cli
