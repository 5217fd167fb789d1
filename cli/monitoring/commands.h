#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/monitoring/daemon_file.h"
#include "cli/monitoring/login.h"
#include "cli/monitoring/render.h"

namespace batchsql::cli {

// What the commands of `batchsql monitoring` exit with, as all of the program's: 0 done, 2 wrong
// use, 3 a server was not reached or refused.

// FillFromFile sets what the command line left out to what the command's `file` tells, if there is
// one. Errors are INVALID_ARGUMENT: those of the configuration, or that it does not tell enough.

struct RenderCommand {
  DaemonFile file;
  RenderOptions options;
  std::string out;
};
absl::Status FillFromFile(RenderCommand* command);
// `batchsql monitoring render`. Its last line on standard output is `render: files=N`.
int RunRender(const RenderCommand& command);

struct InstallCommand {
  DaemonFile file;
  RenderOptions options;  // grafana_url is where they are installed
  LoginOptions login;
  std::string folder = "BatchSQL";
};
absl::Status FillFromFile(InstallCommand* command);
// `batchsql monitoring install`. Its last line on standard output is `install: dashboards=N`.
int RunInstall(const InstallCommand& command);

struct BackupCommand {
  DaemonFile file;
  std::string environment;      // of the file
  std::string folder;           // of the copy
  std::string prometheus_url;   // empty: Prometheus is left out
  std::string prometheus_data;  // its data folder
  std::string grafana_url;      // empty: Grafana is left out
  LoginOptions login;
};
absl::Status FillFromFile(BackupCommand* command);
// `batchsql monitoring backup|restore`. The last line is `backup: prometheus=NAME dashboards=N`,
// with `restore:` likewise; `-` for what was left out.
int RunBackup(const BackupCommand& command);
int RunRestore(const BackupCommand& command);

}  // namespace batchsql::cli
