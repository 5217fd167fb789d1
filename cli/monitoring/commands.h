#pragma once

#include <string>

#include "cli/monitoring/login.h"
#include "cli/monitoring/render.h"

namespace batchsql::cli {

// What the commands of `batchsql monitoring` exit with, as all of the program's: 0 done, 2 wrong
// use, 3 a server was not reached or refused.

struct RenderCommand {
  RenderOptions options;
  std::string out;
};
// `batchsql monitoring render`. Its last line on standard output is `render: files=N`.
int RunRender(const RenderCommand& command);

struct InstallCommand {
  RenderOptions options;  // grafana_url is where they are installed
  LoginOptions login;
  std::string folder = "BatchSQL";
};
// `batchsql monitoring install`. Its last line on standard output is `install: dashboards=N`.
int RunInstall(const InstallCommand& command);

struct BackupCommand {
  std::string folder;           // of the copy
  std::string prometheus_url;   // empty: Prometheus is left out
  std::string prometheus_data;  // its data folder
  std::string grafana_url;      // empty: Grafana is left out
  LoginOptions login;
};
// `batchsql monitoring backup|restore`. The last line is `backup: prometheus=NAME dashboards=N`,
// with `restore:` likewise; `-` for what was left out.
int RunBackup(const BackupCommand& command);
int RunRestore(const BackupCommand& command);

}  // namespace batchsql::cli
